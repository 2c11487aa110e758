//! Tells the records that every commit writes by their bytes: a Begin or a decision, and an End, as
//! `hot_record.ts` makes them. Who replays a log then needs no more of such a record than the number
//! of its transaction, until it turns out that it is still live.
//!
//! Guarantees: what is taken here is read by the general decoder without a complaint, and as the
//! same transaction. Whatever is not plain (text beyond ASCII, long lists, keys in another order, as
//! another version might write) is not taken.

const BEGIN: u8 = 1;
const COMMITTING: u8 = 2;
const END: u8 = 3;
/// `{txn: uint64}`, up to the number.
const END_HEAD: &[u8] = b"\x81\xa3txn\xcf";
/// `{txn: uint64, branches: array}`, up to the number.
const DECISION_HEAD: &[u8] = b"\x82\xa3txn\xcf";
const BRANCHES_KEY: &[u8] = b"\xa8branches";
const SHORT_ARRAY: u8 = 0x90;
const MAX_SHORT_ARRAY: u8 = 15;
const ARRAY_OF_THREE: u8 = 0x93;
const SHORT_TEXT: u8 = 0xa0;
const MAX_SHORT_TEXT: u8 = 31;
const TEXT_8: u8 = 0xd9;
const NIL: u8 = 0xc0;

/// The transaction of a plain record; `None` if it is none.
pub fn transaction(body: &[u8]) -> Option<u64> {
    let (&tag, payload) = body.split_first()?;
    let head = match tag {
        BEGIN | COMMITTING => DECISION_HEAD,
        END => END_HEAD,
        _ => return None,
    };
    let (number, rest) = payload.strip_prefix(head)?.split_first_chunk()?;
    let is_plain = if tag == END { rest.is_empty() } else { are_branches(rest) };
    is_plain.then(|| u64::from_be_bytes(*number))
}

/// Whether a list of `[text, text, text or nil]`, all of ASCII, fills the bytes exactly.
fn are_branches(bytes: &[u8]) -> bool {
    let behind = || {
        let (&array, mut rest) = bytes.strip_prefix(BRANCHES_KEY)?.split_first()?;
        let count = array.wrapping_sub(SHORT_ARRAY);
        if count > MAX_SHORT_ARRAY {
            return None;
        }
        for _ in 0..count {
            rest = behind_text(behind_text(rest.strip_prefix(&[ARRAY_OF_THREE])?)?)?;
            rest = match rest.strip_prefix(&[NIL]) {
                Some(rest) => rest,
                None => behind_text(rest)?,
            };
        }
        Some(rest)
    };
    behind().is_some_and(<[u8]>::is_empty)
}

/// The bytes behind a text of ASCII.
fn behind_text(bytes: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = bytes.split_first()?;
    let short = first.wrapping_sub(SHORT_TEXT);
    let (length, rest) = if short <= MAX_SHORT_TEXT {
        (short, rest)
    } else if first == TEXT_8 {
        let (&length, rest) = rest.split_first()?;
        (length, rest)
    } else {
        return None;
    };
    let (text, rest) = rest.split_at_checked(usize::from(length))?;
    text.is_ascii().then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &[u8] = &[0, 0, 6, 0x5d, 0xd0, 0x83, 0x74, 0x12];
    const TXN: Option<u64> = Some(7_000_000_001_042);

    fn body(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn decision(tag: u8, branches: &[u8]) -> Option<u64> {
        transaction(&body(&[&[tag], DECISION_HEAD, NUMBER, BRANCHES_KEY, branches]))
    }

    #[test]
    fn takes_what_every_commit_writes() {
        let end = body(&[&[END], END_HEAD, NUMBER]);
        assert_eq!(transaction(&end), TXN);
        let two = b"\x92\x93\xa6orders\xd9\x03gid\xc0\x93\xa7billing\xa3gid\xa142";
        for tag in [BEGIN, COMMITTING] {
            assert_eq!(decision(tag, b"\x90"), TXN);
            assert_eq!(
                decision(
                    tag,
                    &body(&[b"\x92\x93\xa6orders\xd9\x03gid\xc0\x93", b"\xa7billing\xa3gid\xa242"])
                ),
                TXN
            );
            assert_eq!(decision(tag, two), None, "a byte is left");
        }
    }

    #[test]
    fn takes_nothing_else() {
        let end = body(&[&[END], END_HEAD, NUMBER]);
        let whole = body(&[
            &[COMMITTING],
            DECISION_HEAD,
            NUMBER,
            BRANCHES_KEY,
            b"\x91\x93\xa1a\xd9\x01b\xa1c",
        ]);
        assert_eq!(transaction(&whole), TXN);
        for record in [end, whole] {
            for length in 0..record.len() {
                assert_eq!(transaction(&record[..length]), None, "{length}");
            }
            assert_eq!(transaction(&body(&[&record, b"\0"])), None);
            let mut doubt = record.clone();
            doubt[0] = 9;
            assert_eq!(transaction(&doubt), None);
        }
        assert_eq!(decision(COMMITTING, b"\x91\x93\xa1a\xa2\xc3\xa9\xc0"), None, "beyond ASCII");
        assert_eq!(decision(COMMITTING, b"\x91\x94\xa1a\xa1b\xc0\xc0"), None, "four places");
        assert_eq!(decision(COMMITTING, b"\xdc\0\0"), None, "a long list");
    }
}
