//! Clients that violate the WebSocket protocol, or HTTP on the way to it.

use sync_history::config::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Sqlite, TestServer, rstest};

const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends a request and returns the connection with the status of the response.
async fn request(server: &TestServer, head: &str) -> (TcpStream, u16) {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(stream.read_u8().await.unwrap());
    }
    let status = std::str::from_utf8(&response[9..12]).unwrap();
    (stream, status.parse().unwrap())
}

fn upgrade(headers: &str) -> String {
    format!(
        "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-protocol: graphql-transport-ws\r\n{headers}\r\n"
    )
}

/// A frame with the mask 0, which leaves the payload as it is.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length => {
            frame.push(0xff);
            frame.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[rstest]
#[case::unmasked(vec![0x81, 0x02, b'{', b'}'], 1002)]
#[case::reserved_bit(frame(0xc1, b"{}"), 1002)]
#[case::unknown_opcode(frame(0x83, b"{}"), 1002)]
#[case::fragmented_ping(frame(0x09, b""), 1002)]
#[case::long_ping(frame(0x89, &[0; 126]), 1002)]
#[case::continuation_of_nothing(frame(0x80, b"{}"), 1002)]
#[case::text_that_is_no_utf8(frame(0x81, b"\xff\xfe"), 1007)]
#[case::too_big(frame(0x81, &vec![b' '; 20_000]), 1009)]
#[case::far_too_big(frame(0x81, &vec![b' '; 5_000_000]), 1009)]
#[tokio::test]
async fn a_protocol_error_closes_the_socket_with_its_code(
    #[case] sent: Vec<u8>,
    #[case] expected: u16,
) {
    let mut limits = Limits::default();
    limits.http.max_body_bytes = 10_000;
    let server = TestServer::start_with(Sqlite, limits).await;
    let (stream, status) = request(&server, &upgrade(KEY)).await;
    assert_eq!(status, 101);
    let (mut reader, mut writer) = stream.into_split();
    // The server need not read all of it.
    let sending = tokio::spawn(async move {
        let _ = writer.write_all(&sent).await;
        writer
    });
    let mut header = [0; 4];
    reader.read_exact(&mut header).await.unwrap();
    assert_eq!(header[0], 0x88, "a close frame");
    assert_eq!(u16::from_be_bytes([header[2], header[3]]), expected);
    sending.abort();
}

#[rstest]
#[case::missing("")]
#[case::empty("sec-websocket-key: \r\n")]
#[case::no_base64("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=!\r\n")]
#[case::short("sec-websocket-key: dGhlIHNhbXBsZSBub25j\r\n")]
#[case::long("sec-websocket-key: dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ==\r\n")]
#[case::twice(
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)]
#[tokio::test]
async fn a_missing_or_malformed_websocket_key_is_rejected(#[case] headers: &str) {
    let server = TestServer::start(Sqlite).await;
    let (_, status) = request(&server, &upgrade(headers)).await;
    assert_eq!(status, 400);
}

#[rstest]
#[case::missing("GET /livez HTTP/1.1\r\n\r\n", 400)]
#[case::twice(
    "GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
    400
)]
#[case::http_1_0("GET /livez HTTP/1.0\r\n\r\n", 200)]
#[case::present("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n", 200)]
#[tokio::test]
async fn http_1_1_requires_one_host_header(#[case] head: &str, #[case] expected: u16) {
    let server = TestServer::start(Sqlite).await;
    assert_eq!(request(&server, head).await.1, expected);
}
