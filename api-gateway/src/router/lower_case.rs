//! ASCII lower case without allocating: most names arrive in lower case, and the rest fit a buffer on the stack.

use std::borrow::Cow;

/// Room for any DNS name (253 octets) and the usual header value.
pub(super) const LOWER_CASE_BUFFER: [u8; 256] = [0; 256];

/// `text` in ASCII lower case: itself, or a copy in `buffer`, or, where it is too long for that, on the heap.
pub(super) fn lower_case<'a>(text: &'a [u8], buffer: &'a mut [u8; 256]) -> Cow<'a, [u8]> {
    if !text.iter().any(u8::is_ascii_uppercase) {
        return Cow::Borrowed(text);
    }
    match buffer.get_mut(..text.len()) {
        Some(copy) => {
            copy.copy_from_slice(text);
            copy.make_ascii_lowercase();
            Cow::Borrowed(copy)
        }
        None => Cow::Owned(text.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_length_is_lowered() {
        for (text, borrowed) in [
            ("already.lower", true),
            ("Mixed.Case", true),
            (&*"Ä".repeat(10), true),
            (&*"A".repeat(257), false),
        ] {
            let mut buffer = LOWER_CASE_BUFFER;
            let lowered = lower_case(text.as_bytes(), &mut buffer);
            assert_eq!(*lowered, *text.to_ascii_lowercase().as_bytes(), "{text}");
            assert_eq!(matches!(lowered, Cow::Borrowed(_)), borrowed, "{text}");
        }
    }
}
