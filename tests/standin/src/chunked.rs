//! S3's upload encoding with a trailing checksum (`aws-chunked`), undone.

use axum::body::Bytes;

use crate::wire::Incoming;

/// The content of an upload, whichever way it was sent. Checksums and chunk signatures are not
/// checked. `None` if the encoding is broken.
pub(crate) fn content(request: &Incoming) -> Option<Bytes> {
    let says =
        |name: &str, word: &str| request.header(name).is_some_and(|text| text.contains(word));
    if says("content-encoding", "aws-chunked") || says("x-amz-content-sha256", "STREAMING-") {
        return unwrap(&request.body).map(Bytes::from);
    }
    Some(request.body.clone())
}

fn unwrap(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(rest.len());
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let size = head.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_trailers_left_out() {
        let body = b"4;chunk-signature=x\r\nWiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        assert_eq!(unwrap(body), Some(b"Wikipedia".to_vec()));
        assert_eq!(unwrap(b"5\r\nWiki\r\n0\r\n\r\n"), None);
        assert_eq!(unwrap(b"Wiki"), None);
    }
}
