//! Holds a segment's bytes and the table of the frames found in it.

use crate::memory::grow;
use crate::number::{to_index, to_lsn, to_u32};
use crate::prefix::notes_for;
use crate::promise::{self, Found, Search};
use crate::scan::{self, COLUMNS, Stop, StopKind};
use wasm_bindgen::prelude::*;

/// Answer of a search: there is no such frame.
const NOTHING: f64 = -1.0;
/// Answer of any call: the numbers are not a range within the bytes, a salt and an LSN.
const REFUSED: f64 = -2.0;

/// Owns the bytes and the table. Starts empty; reserve both first.
#[wasm_bindgen]
pub struct SegmentScanner {
    bytes: Vec<u8>,
    table: Vec<u32>,
    /// Room for a search, made together with the bytes so that it cannot be missing then.
    notes: Vec<u32>,
    stop: Stop,
    found: Option<Found>,
}

#[wasm_bindgen]
impl SegmentScanner {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> SegmentScanner {
        let stop = Stop { kind: StopKind::Clean, offset: 0, lsn: 0 };
        SegmentScanner {
            bytes: Vec::new(),
            table: Vec::new(),
            notes: Vec::new(),
            stop,
            found: None,
        }
    }

    /// Makes room for a segment, without keeping the bytes of the one before: both at once would
    /// double the memory, which never shrinks again. False if that cannot be.
    pub fn reserve(&mut self, length: f64) -> bool {
        let Some(length) = to_index(length) else {
            return false;
        };
        if length > self.bytes.len() {
            self.bytes = Vec::new();
        }
        grow(&mut self.notes, notes_for(length)) && grow(&mut self.bytes, length)
    }

    /// Makes the table that large; false if that cannot be.
    #[wasm_bindgen(js_name = reserveTable)]
    pub fn reserve_table(&mut self, frames: f64) -> bool {
        to_index(frames)
            .and_then(|frames| frames.checked_mul(COLUMNS))
            .is_some_and(|words| grow(&mut self.table, words))
    }

    /// Where the bytes are in the module's memory. Changes when they grow.
    pub fn pointer(&self) -> usize {
        self.bytes.as_ptr() as usize
    }

    /// How many bytes there are.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Where the table is in the module's memory.
    #[wasm_bindgen(js_name = tablePointer)]
    pub fn table_pointer(&self) -> usize {
        self.table.as_ptr() as usize
    }

    /// Scans from `start` to `end`; the first frame has LSN `lsn`. Returns how many frames are in
    /// the table.
    pub fn scan(&mut self, start: f64, end: f64, salt: f64, lsn: f64) -> f64 {
        let Some((bytes, start, salt, lsn)) = place(&self.bytes, start, end, salt, lsn) else {
            return REFUSED;
        };
        let (count, stop) = scan::scan(bytes, start, salt, lsn, &mut self.table);
        self.stop = stop;
        count as f64
    }

    /// Why the last scan ended, as a number of `StopKind`.
    #[wasm_bindgen(js_name = stopKind)]
    pub fn stop_kind(&self) -> u32 {
        self.stop.kind as u32
    }

    /// The offset at which the last scan ended.
    #[wasm_bindgen(js_name = stopOffset)]
    pub fn stop_offset(&self) -> usize {
        self.stop.offset
    }

    /// The LSN that a frame at the stop would have.
    #[wasm_bindgen(js_name = stopLsn)]
    pub fn stop_lsn(&self) -> f64 {
        // At most 2^53: one more than the last LSN, and still exact.
        self.stop.lsn as f64
    }

    /// Whether the salt stands anywhere from `offset` to `end`: 1 or 0.
    #[wasm_bindgen(js_name = hasSalt)]
    pub fn has_salt(&self, offset: f64, end: f64, salt: f64) -> f64 {
        match place(&self.bytes, offset, end, salt, 0.0) {
            Some((bytes, offset, salt, _)) => {
                f64::from(u8::from(scan::has_salt(&bytes[offset..], salt)))
            }
            None => REFUSED,
        }
    }

    /// Looks behind the bad frame at `from` for one that promises that it was synced. Returns its
    /// offset, or a negative answer.
    #[wasm_bindgen(js_name = findPromise)]
    pub fn find_promise(&mut self, from: f64, end: f64, salt: f64, lsn: f64) -> f64 {
        self.find(Search::Promise, from, end, salt, lsn)
    }

    /// Looks behind the bad frame at `from` for any valid one. Returns its offset, or a negative
    /// answer.
    #[wasm_bindgen(js_name = findFrame)]
    pub fn find_frame(&mut self, from: f64, end: f64, salt: f64, lsn: f64) -> f64 {
        self.find(Search::Frame, from, end, salt, lsn)
    }

    /// The LSN of the frame that the last search found, -1 if none.
    #[wasm_bindgen(js_name = foundLsn)]
    pub fn found_lsn(&self) -> f64 {
        self.found.map_or(NOTHING, |found| found.lsn as f64)
    }

    fn find(&mut self, search: Search, from: f64, end: f64, salt: f64, lsn: f64) -> f64 {
        self.found = None;
        let Some((bytes, from, salt, lsn)) = place(&self.bytes, from, end, salt, lsn) else {
            return REFUSED;
        };
        self.found = promise::find(search, bytes, from, salt, lsn, &mut self.notes);
        self.found.map_or(NOTHING, |found| found.offset as f64)
    }
}

/// The bytes up to `end`, and `start`, if that is a range within the bytes.
fn range(bytes: &[u8], start: f64, end: f64) -> Option<(&[u8], usize)> {
    let (start, end) = (to_index(start)?, to_index(end)?);
    (start <= end && end <= bytes.len()).then(|| (&bytes[..end], start))
}

/// The same with the salt and the first LSN.
fn place(
    bytes: &[u8],
    start: f64,
    end: f64,
    salt: f64,
    lsn: f64,
) -> Option<(&[u8], usize, u32, u64)> {
    let (bytes, start) = range(bytes, start, end)?;
    Some((bytes, start, to_u32(salt)?, to_lsn(lsn)?))
}
