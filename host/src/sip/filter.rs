//! What the kernel turns away before we see it: datagrams that went to everybody.
//!
//! A request to a broadcast or multicast address would be answered by every gateway in the network at once, and
//! whoever's address it bears would get all of that. The destination of a datagram is not told to a socket that does
//! not ask for it with unsafe code; a filter in the kernel sees it. What it turns away counts among the kernel's drops.

use std::io;

use socket2::{SockFilter, Socket};

// Operations of the classic BPF (linux/bpf_common.h).
const LOAD_WORD: u16 = 0x20;
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP_IF: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Where the IP header begins, whatever comes before (SKF_NET_OFF, linux/filter.h).
const NETWORK: u32 = 0xFFF0_0000;
/// The kind of packet, as the interface saw it (SKF_AD_OFF + SKF_AD_PKTTYPE).
const KIND: u32 = 0xFFFF_F000 + 4;
/// A packet to this host alone (PACKET_HOST, linux/if_packet.h).
const TO_HOST: u32 = 0;
/// Offset of the destination in an IPv4 header (RFC 791 §3.1).
const DESTINATION: u32 = 16;

/// Turns away what was not sent to this host alone.
pub(super) fn attach(socket: &Socket) -> io::Result<()> {
    let op = SockFilter::new;
    // The jumps count from the operation after their own: the last but one drops, the last takes.
    socket.attach_filter(&[
        op(LOAD_WORD, 0, 0, KIND),
        op(JUMP_IF, 0, 9, TO_HOST),
        // IPv6 has no broadcast, and its multicast is no PACKET_HOST.
        op(LOAD_BYTE, 0, 0, NETWORK),
        op(AND, 0, 0, 0xF0),
        op(JUMP_IF, 0, 7, 0x40),
        op(LOAD_WORD, 0, 0, NETWORK + DESTINATION),
        op(JUMP_IF, 4, 0, u32::MAX),
        // Loopback takes its broadcasts for packets to this host alone.
        op(JUMP_IF, 3, 0, 0x7FFF_FFFF),
        op(AND, 0, 0, 0xF000_0000),
        op(JUMP_IF, 1, 2, 0xE000_0000),
        op(RETURN, 0, 0, 0),
        op(RETURN, 0, 0, 0),
        op(RETURN, 0, 0, u32::MAX),
    ])
}
