//! A buffer in which frames are made: JavaScript writes body lengths and bodies, `seal` the rest of
//! the headers.

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

    /// Seals the first frames of the buffer, see `frame::seal`. Returns how many bytes they have;
    /// negative, with nothing written, if the numbers or the frames are not possible ones.
    pub fn seal(&mut self, count: f64, unsynced: f64, salt: f64, lsn: f64) -> f64 {
        let mut seal = || {
            let (count, unsynced) = (to_u32(count)?, to_u32(unsynced)?);
            frame::seal(&mut self.bytes, count, unsynced, to_u32(salt)?, to_lsn(lsn)?)
        };
        seal().map_or(-1.0, |length| length as f64)
    }
}
