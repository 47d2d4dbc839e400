//! A reader that never ends early in silence: a file that lost its tail must not look like a shorter file.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

pub(crate) struct Exact<R> {
    inner: R,
    missing_bytes: u64,
}

impl<R> Exact<R> {
    pub(crate) fn new(inner: R, bytes: u64) -> Self {
        Self {
            inner,
            missing_bytes: bytes,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Exact<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.missing_bytes == 0 || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let wanted = usize::try_from(self.missing_bytes)
            .unwrap_or(usize::MAX)
            .min(buf.remaining());
        let mut window = ReadBuf::new(buf.initialize_unfilled_to(wanted));
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut window))?;
        let came = window.filled().len();
        if came == 0 {
            let text = format!("the file ended {} bytes early", self.missing_bytes);
            return Poll::Ready(Err(Error::new(ErrorKind::UnexpectedEof, text)));
        }
        buf.advance(came);
        self.missing_bytes -= came as u64;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(bytes: &'static [u8], expected: u64) -> std::io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Exact::new(bytes, expected)
            .read_to_end(&mut content)
            .await
            .map(|_| content)
    }

    #[tokio::test]
    async fn it_stops_at_its_length_and_misses_what_does_not_come() {
        assert_eq!(read(b"abcdef", 3).await.unwrap(), b"abc");
        assert_eq!(read(b"abc", 3).await.unwrap(), b"abc");
        assert_eq!(read(b"ab", 3).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
