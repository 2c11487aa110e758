//! The byte work of the write-ahead log: crc32c, sealing frames in place, scanning segments.
//!
//! Guarantees: no call panics, whatever numbers come from outside. A panic would be a WebAssembly
//! trap, and a trapped instance is not usable any more. Calls that cannot be done say so by their
//! result, and the TypeScript wrapper (`src/wal/core.ts`) turns that into a `RangeError`. Results
//! are plain numbers: an error object or an array per record costs more than the record itself.
//!
//! `frame_buffer` and `segment_scanner` own memory and are what JavaScript sees; the other modules
//! are plain Rust over slices and numbers.

pub mod checksum;
pub mod frame;
pub mod frame_buffer;
pub mod memory;
pub mod number;
pub mod plain;
pub mod prefix;
pub mod promise;
pub mod scan;
pub mod segment_scanner;
pub mod shift;
pub mod slicing;
pub mod unwind;

use wasm_bindgen::prelude::*;

/// Bytes before the body of a frame.
#[wasm_bindgen(js_name = headerLength)]
pub fn header_length() -> u32 {
    frame::HEADER_LENGTH as u32
}

/// The longest body a frame may have, in bytes.
#[wasm_bindgen(js_name = maxBodyLength)]
pub fn max_body_length() -> u32 {
    frame::MAX_BODY_LENGTH
}

/// The largest number of records that a frame may leave unpromised.
#[wasm_bindgen(js_name = maxUnsynced)]
pub fn max_unsynced() -> u32 {
    frame::MAX_UNSYNCED
}
