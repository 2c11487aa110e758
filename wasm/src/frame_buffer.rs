//! A buffer in which frames are made: JavaScript writes the body, `seal` the header before it.

use crate::frame;
use crate::memory::grow;
use crate::number::{to_index, to_lsn, to_u32};
use wasm_bindgen::prelude::*;

/// Owns the bytes. Starts empty; reserve first.
#[wasm_bindgen]
#[derive(Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
}

#[wasm_bindgen]
impl FrameBuffer {
    #[wasm_bindgen(constructor)]
    pub fn new() -> FrameBuffer {
        FrameBuffer::default()
    }

    /// Where the bytes are in the module's memory. Changes when they grow.
    pub fn pointer(&self) -> usize {
        self.bytes.as_ptr() as usize
    }

    /// How many bytes there are.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Grows to that capacity, keeping the content; false if that cannot be.
    pub fn reserve(&mut self, capacity: f64) -> bool {
        to_index(capacity).is_some_and(|capacity| grow(&mut self.bytes, capacity))
    }

    /// Continues a crc32c over a part of the buffer; negative if the numbers are not those of one.
    /// There is no function that takes the bytes as an argument: the glue would allocate for each
    /// call, and an allocation may move the memory under the views that JavaScript holds.
    pub fn crc32c(&self, crc: f64, offset: f64, length: f64) -> f64 {
        let part = || {
            let (offset, length) = (to_index(offset)?, to_index(length)?);
            let part = self.bytes.get(offset..offset.checked_add(length)?)?;
            Some(f64::from(::crc32c::crc32c_append(to_u32(crc)?, part)))
        };
        part().unwrap_or(-1.0)
    }

    /// Writes the header of the frame at the offset; false, with nothing written, if the numbers
    /// are not those of a frame within the buffer.
    pub fn seal(
        &mut self,
        offset: f64,
        body_length: f64,
        unsynced: f64,
        salt: f64,
        lsn: f64,
    ) -> bool {
        let (Some(offset), Some(body_length)) = (to_index(offset), to_u32(body_length)) else {
            return false;
        };
        let (Some(unsynced), Some(salt), Some(lsn)) = (to_u32(unsynced), to_u32(salt), to_lsn(lsn))
        else {
            return false;
        };
        frame::seal(&mut self.bytes, offset, body_length, unsynced, salt, lsn)
    }
}
