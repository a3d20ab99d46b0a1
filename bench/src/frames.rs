//! WebSocket frames, as far as a load needs them: the server's are scanned where they lie.

use anyhow::{Result, bail};

/// Bytes of room that a socket begins with; more than most messages take.
const ROOM: usize = 4096;
/// The bits of a frame's first byte that mark it as the last, or only, one of its message.
const WHOLE: u8 = 0x80;
/// The bit of a frame's second byte that marks a client's.
const MASKED: u8 = 0x80;
/// Lengths that say that the length follows, in two bytes or in eight.
const TWO_BYTES: u8 = 126;
const EIGHT_BYTES: u8 = 127;

/// What has been read from a socket and not been looked at yet.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

/// One whole message or control frame of the server's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A message.
    Text(&'a [u8]),
    /// Asks for a pong that says the same.
    Ping(&'a [u8]),
    /// The end, and the code that tells why.
    Close(Option<u16>),
}

impl Frames {
    /// Nothing read yet.
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; ROOM],
            begin: 0,
            end: 0,
        }
    }

    /// Where to read to.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// So many bytes were read to where there was room.
    pub(crate) fn fill(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Everything read so far and not taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// So many bytes are done with.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.begin += bytes;
    }

    /// The next frame that has been read whole.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        let Some((header, payload)) = measure(self.unread()) else {
            return Ok(None);
        };
        if self.unread().len() < header + payload {
            return Ok(None);
        }
        let start = self.begin;
        self.begin += header + payload;
        let first = self.buffer[start];
        let payload = &self.buffer[start + header..self.begin];
        match first {
            0x81 => Ok(Some(Frame::Text(payload))),
            0x88 => Ok(Some(Frame::Close(
                payload.first_chunk().copied().map(u16::from_be_bytes),
            ))),
            0x89 => Ok(Some(Frame::Ping(payload))),
            _ => bail!("a frame begins with {first:#x}"),
        }
    }
}

/// How many bytes a frame's header and its payload take; None if the header is not whole yet.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let rest = bytes.get(2..)?;
    match bytes[1] {
        TWO_BYTES => Some((4, u16::from_be_bytes(*rest.first_chunk()?).into())),
        EIGHT_BYTES => Some((
            10,
            usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?,
        )),
        length => Some((2, length.into())),
    }
}

/// A message as a client sends it.
pub(crate) fn text(payload: &[u8]) -> Vec<u8> {
    frame(0x1, payload)
}

/// The answer to a ping.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    frame(0xA, payload)
}

/// A client's frame. Its mask is zero, which leaves the payload as it is.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![WHOLE | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..TWO_BYTES), _) => frame.push(MASKED | length),
        (_, Ok(length)) => {
            frame.push(MASKED | TWO_BYTES);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | EIGHT_BYTES);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(frames: &mut Frames, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = frames.room();
            let (part, more) = rest.split_at(room.len().min(rest.len()).min(7));
            room[..part.len()].copy_from_slice(part);
            frames.fill(part.len());
            rest = more;
        }
    }

    #[test]
    fn frames_are_found_however_they_arrive() {
        let mut frames = Frames::new();
        feed(&mut frames, &[0x81, 2, b'h']);
        assert_eq!(frames.next().unwrap(), None);
        feed(&mut frames, b"i");
        assert_eq!(frames.next().unwrap(), Some(Frame::Text(b"hi")));
        let long = vec![b'x'; 70_000];
        let mut bytes = vec![0x81, 127];
        bytes.extend(70_000_u64.to_be_bytes());
        bytes.extend(&long);
        bytes.extend([0x89, 1, b'p', 0x88, 2, 3, 0xF5]);
        feed(&mut frames, &bytes);
        assert_eq!(frames.next().unwrap(), Some(Frame::Text(&long)));
        assert_eq!(frames.next().unwrap(), Some(Frame::Ping(b"p")));
        assert_eq!(frames.next().unwrap(), Some(Frame::Close(Some(1013))));
        assert_eq!(frames.next().unwrap(), None);
    }
}
