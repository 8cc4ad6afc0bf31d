//! A media server that is not there, is slow, or talks nonsense.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::server::{FakeServer, write_answer};
use crate::media::{Error, MediaServer, Timeouts};

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(30), answer: Duration::from_secs(30) };

#[tokio::test]
async fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = MediaServer::new(&format!("http://{address}"), "s", TIMEOUTS).unwrap();
    let error = client.version().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { api: "version", .. }), "{error:?}");
    assert!(error.is_down());
}

#[tokio::test]
async fn it_hangs_up_before_it_answers() {
    let server = FakeServer::bind().await;
    let client = server.client();
    let (error, _) = tokio::join!(client.version(), async { drop(server.accept().await) });
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(!error.is_down());
}

#[tokio::test]
async fn it_never_answers() {
    let server = FakeServer::bind().await;
    let client = server.client_waiting(Duration::from_millis(50));
    // The system takes the connection; nobody takes it from there.
    let error = client.version().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { api: "version", .. }), "{error:?}");
}

#[tokio::test]
async fn its_answer_makes_no_sense() {
    for (status, body) in
        [(200, "<html>"), (200, "{}"), (200, r#"{"code":0}"#), (502, r#"{"code":0,"hit":1}"#)]
    {
        let server = FakeServer::bind().await;
        let client = server.client();
        let asked = server.answer_once(status, body.to_owned());
        let error = client.close_rtp_server("x").await.unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{status} {body}: {error:?}");
        asked.await.unwrap();
    }
}

#[tokio::test]
async fn its_answer_breaks_off() {
    let server = FakeServer::bind().await;
    let client = server.client();
    let breaks_off = async {
        let (mut stream, _) = server.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"code\":0").await.unwrap();
    };
    let (error, ()) = tokio::join!(client.close_rtp_server("x"), breaks_off);
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(!error.is_down(), "it may have done what it was asked");
}

#[tokio::test]
async fn its_answer_stands_still() {
    let server = FakeServer::bind().await;
    let client = server.client_waiting(Duration::from_millis(100));
    let stands_still = async {
        let (mut stream, _) = server.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"code\":0").await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(client.close_rtp_server("x"), stands_still);
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

/// It was read until the time was over, into memory: ten seconds of a fast line are gigabytes.
#[tokio::test]
async fn its_answer_never_ends() {
    let server = FakeServer::bind().await;
    let client = server.client();
    let never_ends = async {
        let (mut stream, _) = server.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"code\":0,\"data\":\"").await.unwrap();
        let mut sent = 0;
        while let Ok(written) = stream.write(&[b'x'; 1 << 16]).await {
            sent += written;
        }
        sent
    };
    let (error, sent) = tokio::join!(client.close_rtp_server("x"), never_ends);
    let error = error.unwrap_err();
    assert!(matches!(error, Error::BadAnswer { status: 200, .. }), "{error:?}");
    assert!(sent < 100 << 20, "{sent} bytes were taken");
}

/// ZLMediaKit says keep-alive and then closes after an error; a call on that connection would break.
#[tokio::test]
async fn each_call_has_a_connection_of_its_own() {
    let server = FakeServer::bind().await;
    let client = server.client();
    let mut open = Vec::new();
    for _ in 0..2 {
        let serve = async {
            let (mut stream, _) = server.accept().await;
            write_answer(&mut stream, 200, r#"{"code":0,"hit":1}"#).await;
            stream
        };
        let (hit, stream) = tokio::join!(client.close_rtp_server("x"), serve);
        assert!(hit.unwrap());
        open.push(stream);
    }
}

#[test]
fn an_address_that_is_no_http_url_is_refused() {
    for address in ["", "127.0.0.1:8080", "ftp://127.0.0.1"] {
        let refused = MediaServer::new(address, "s", TIMEOUTS).map(drop);
        assert!(matches!(refused, Err(Error::BadAddress { .. })), "{address}: {refused:?}");
    }
}
