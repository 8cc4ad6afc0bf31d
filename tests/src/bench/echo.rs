//! The yardstick: a server that sends back what it gets, and knows nothing.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// Answers every datagram with itself, until it is killed. Its address goes to standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        println!("{}", socket.local_addr()?);
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..length], from).await?;
        }
    })
}
