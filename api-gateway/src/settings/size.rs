//! Sizes in nginx' spelling: `64k`, `10m`, `4 16k`.

use super::HeaderLimits;

/// The longest header line by default: an ALB's limit.
const LINE: usize = 16 * 1024;

/// Beyond this a head is held in memory for nobody's good.
const MOST: usize = 16 * 1024 * 1024;

/// A number of bytes, perhaps with `k`, `m` or `g`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, letter)) if letter.is_ascii_alphabetic() => (&text[..at], letter.to_ascii_lowercase()),
        _ => (text, 'b'),
    };
    let factor: u64 = match unit {
        'b' if digits.len() == text.len() => 1,
        'k' => 1 << 10,
        'm' => 1 << 20,
        'g' => 1 << 30,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// nginx' buffers for a request's head: `4 16k` is four lines' worth of 16 KiB each, no line longer than one of them;
/// a size alone is the whole head's.
pub(super) fn header_limits(text: &str) -> Option<HeaderLimits> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (line, total) = match words.as_slice() {
        [size] => {
            let total = usize::try_from(bytes(size)?).ok()?;
            (LINE.min(total), total)
        }
        [number, size] => {
            let line = usize::try_from(bytes(size)?).ok()?;
            (line, line.checked_mul(number.parse().ok()?)?)
        }
        _ => return None,
    };
    (line >= 1024 && total >= line && total <= MOST).then_some(HeaderLimits { line, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_nginx_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("64k", Some(65_536)),
            ("8K", Some(8_192)),
            ("10m", Some(10_485_760)),
            ("1g", Some(1_073_741_824)),
            ("64kb", None),
            ("64b", None),
            ("k", None),
            ("", None),
            ("-1", None),
            ("1 k", None),
            ("99999999999999999999", None),
            ("18446744073709551615k", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn header_buffers_limit_the_line_and_the_head() {
        let limits = |line, total| Some(HeaderLimits { line, total });
        for (text, expected) in [
            ("4 16k", limits(16_384, 65_536)),
            ("4 64k", limits(65_536, 262_144)),
            ("64k", limits(16_384, 65_536)),
            ("8k", limits(8_192, 8_192)),
            ("0 16k", None),
            ("4 100", None),
            ("4 16k 1", None),
            ("1000 1m", None),
            ("four 16k", None),
        ] {
            assert_eq!(header_limits(text), expected, "{text}");
        }
    }
}
