//! Numbers from JavaScript: taken as doubles, because a parameter declared `u32` would silently be
//! reduced modulo 2^32 on the way in, and an offset of 2^32 would write to offset 0.

/// The largest integer that a double holds without gaps; no LSN is above it.
pub const MAX_LSN: u64 = (1 << 53) - 1;

/// The value as a `u32`, if it is one exactly.
pub fn to_u32(value: f64) -> Option<u32> {
    let truncated = value as u32;
    (f64::from(truncated) == value).then_some(truncated)
}

/// The value as an index, if it is one exactly.
pub fn to_index(value: f64) -> Option<usize> {
    to_u32(value).and_then(|index| usize::try_from(index).ok())
}

/// The value as an LSN, if it is a non-negative safe integer.
pub fn to_lsn(value: f64) -> Option<u64> {
    let truncated = value as u64;
    (truncated <= MAX_LSN && truncated as f64 == value).then_some(truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_exact_integers_only() {
        assert_eq!(to_u32(0.0), Some(0));
        assert_eq!(to_u32(4_294_967_295.0), Some(u32::MAX));
        for wrong in [-1.0, 0.5, 4_294_967_296.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(to_u32(wrong), None, "{wrong}");
            assert_eq!(to_index(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn takes_safe_lsns_only() {
        assert_eq!(to_lsn(9_007_199_254_740_991.0), Some(MAX_LSN));
        for wrong in [9_007_199_254_740_992.0, -1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert_eq!(to_lsn(wrong), None, "{wrong}");
        }
    }
}
