//! HTTP/1.1 messages as bytes: where they end, and the two headers that are the proxy's own.

use std::io;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;

/// The longest head; SDK heads have one or two kB, presigned ones with a session token some more.
const HEAD_MAX: usize = 64 * 1024;
/// The longest body.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// An internal error of any AWS service, before any effect.
pub(crate) const FAULT: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    head: String,
    body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The bytes for the endpoint, which closes the connection when it has answered.
    pub(crate) fn forwarded(&self) -> Vec<u8> {
        let (line, fields) = self.head.split_once("\r\n").unwrap_or((&self.head, ""));
        let ours = |field: &&str| {
            let name = field.split(':').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("expect")
        };
        let kept = fields
            .split("\r\n")
            .filter(|field| !field.is_empty() && !ours(field));
        let mut bytes = format!("{line}\r\n");
        for field in kept {
            bytes += field;
            bytes += "\r\n";
        }
        bytes += "connection: close\r\n\r\n";
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Reads one request with its body; none if the client has nothing to say.
pub(crate) async fn read<S>(stream: &mut S) -> io::Result<Option<Request>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut read = Vec::new();
    let Some(end) = read_head(stream, &mut read).await? else {
        return Ok(None);
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8(read).map_err(|_| malformed("the head is not text"))?;
    if header(&head, "expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    while !is_whole(&head, &body)? {
        more(stream, &mut body, BODY_MAX).await?;
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next(), words.next());
    Ok(Some(Request {
        method: method.unwrap_or_default().to_owned(),
        target: target.unwrap_or_default().to_owned(),
        head,
        body,
    }))
}

/// Reads to the end of the head; where it ends, or nothing if nothing came at all.
async fn read_head<S>(stream: &mut S, read: &mut Vec<u8>) -> io::Result<Option<usize>>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(at) = find(read, b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        let before = read.len();
        match more(stream, read, HEAD_MAX).await {
            Err(error) if before == 0 && error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(None);
            }
            ended => ended?,
        }
    }
}

async fn more<S: AsyncRead + Unpin>(
    stream: &mut S,
    read: &mut Vec<u8>,
    most: usize,
) -> io::Result<()> {
    if read.len() > most {
        return Err(malformed("it is too long"));
    }
    if stream.read_buf(read).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Whether this is all of the body that the head announces.
fn is_whole(head: &str, body: &[u8]) -> io::Result<bool> {
    if header(head, "transfer-encoding").is_some() {
        return chunks_end(body);
    }
    let length = match header(head, "content-length") {
        None => 0,
        Some(length) => length
            .parse()
            .map_err(|_| malformed("its length is no number"))?,
    };
    Ok(body.len() >= length)
}

/// Whether the last chunk is there.
fn chunks_end(mut body: &[u8]) -> io::Result<bool> {
    loop {
        let Some(at) = find(body, b"\r\n") else {
            return Ok(false);
        };
        let size = std::str::from_utf8(&body[..at]).unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed("a chunk has no size"))?;
        body = &body[at..];
        if size == 0 {
            // Trailers, if any, end with an empty line.
            return Ok(find(body, b"\r\n\r\n").is_some());
        }
        // The line's end, the chunk, and the chunk's own line end.
        let Some(rest) = body.get(2 + size + 2..) else {
            return Ok(false);
        };
        body = rest;
    }
}

/// Reads an answer: as long as the head says, or until the endpoint closes the connection.
pub(crate) async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let took = stream.read_to_end(&mut answer).await;
    // An endpoint that cuts the connection after a whole answer has answered.
    if find(&answer, b"\r\n\r\n").is_none() {
        took?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

/// The answer with the word that the connection ends here, where it lacks it.
pub(crate) fn closing(answer: Vec<u8>) -> Vec<u8> {
    let (Some(end), Some(line)) = (find(&answer, b"\r\n\r\n"), find(&answer, b"\r\n")) else {
        return answer;
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    if header(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        return answer;
    }
    let mut closing = answer[..line].to_vec();
    closing.extend_from_slice(b"\r\nconnection: close");
    closing.extend_from_slice(&answer[line..]);
    closing
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.split("\r\n").skip(1);
    let mut fields = fields.filter_map(|field| field.split_once(':'));
    let found = fields.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The request that these bytes are.
    pub(crate) async fn request(bytes: &str) -> Request {
        let (mut ours, mut theirs) = tokio::io::duplex(bytes.len() + 100);
        theirs.write_all(bytes.as_bytes()).await.unwrap();
        read(&mut ours).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_request_is_forwarded_as_it_came_but_for_the_connection() {
        let text = "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:7\r\nX-Odd:  kept \r\nConnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc";
        let request = request(text).await;
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("POST", "/a?b")
        );
        assert_eq!(request.header("HOST"), Some("127.0.0.1:7"));
        let expected = "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:7\r\nX-Odd:  kept \r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
        assert_eq!(String::from_utf8(request.forwarded()).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_chunked_body_is_read_to_its_last_chunk() {
        let body = "3\r\nabc\r\n2;x=y\r\n\r\n\r\n0\r\ntrailer: t\r\n\r\n";
        let head = "PUT /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        let request = request(&format!("{head}{body}")).await;
        assert_eq!(request.body, body.as_bytes());
        for cut in 1..body.len() {
            assert!(
                !chunks_end(&body.as_bytes()[..cut]).unwrap_or(false),
                "{cut}"
            );
        }
    }

    #[tokio::test]
    async fn a_client_that_waits_for_leave_is_told_to_go_on() {
        let (mut ours, mut theirs) = tokio::io::duplex(1000);
        let head = b"PUT /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n";
        let client = async {
            theirs.write_all(head).await.unwrap();
            let mut leave = [0; 25];
            theirs.read_exact(&mut leave).await.unwrap();
            assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
            theirs.write_all(b"x").await.unwrap();
        };
        let (request, ()) = tokio::join!(read(&mut ours), client);
        assert_eq!(request.unwrap().unwrap().body, b"x");
    }

    #[test]
    fn every_answer_says_that_the_connection_ends() {
        let open = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody".to_vec();
        let expected: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\na: b\r\n\r\nbody";
        assert_eq!(closing(open), expected);
        let closed = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        assert_eq!(closing(closed.clone()), closed);
    }
}
