//! Keys at a server, as the commands show and read them.

use larder::inspect::spell_hex;
use larder_redis::inspect::ServerInspector;

use crate::cache::server;
use crate::term::exit::{Exit, Failure};

/// Returns a key as it is at the server, such as `shop:0:product_MTNVTU`. If the key is no plain text,
/// returns `0x` and the hexadecimal digits of its bytes.
pub(super) fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if is_plain(text) => text.to_owned(),
        _ => spell_hex(key),
    }
}

/// Returns whether a text can be typed and is shown unchanged by a terminal.
fn is_plain(text: &str) -> bool {
    // A text with a control character, or with a character that changes the writing direction, is not plain.
    let is_hidden = |letter: char| {
        letter.is_control()
            || larder::inspect::escape_control(letter.encode_utf8(&mut [0; 4])) != letter.to_string()
    };
    !text.starts_with("0x") && !text.chars().any(is_hidden)
}

/// Parses a key: a key as [`shown`] returns it, or a key of the product schema alone, such as
/// `product_MTNVTU`. The latter has version 0.
pub(super) fn read(inspector: &ServerInspector, text: &str) -> Result<Vec<u8>, Failure> {
    let bytes = text.strip_prefix("0x").and_then(hex);
    let prefix = format!("{}:", inspector.prefix());
    if let Some(bytes) = bytes.filter(|bytes| bytes.starts_with(prefix.as_bytes())) {
        return Ok(bytes);
    }
    inspector.key_of_text(text, 0).ok_or_else(|| {
        let text = format!(
            "{text:?} is no key of {}; write it as `larder keys` shows it: {prefix}VERSION:KEYSPACE:KEY, or \
             {prefix}VERSION:product_MTNVTU",
            server::name(inspector)
        );
        Failure::new(Exit::Usage, text)
    })
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let is_hex = digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = digits.as_bytes().chunks_exact(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok());
    is_hex.then(|| bytes.collect()).flatten()
}

/// Refuses options that only a file or a process has.
pub(super) fn refuse_options(options: &[(&str, bool)]) -> Result<(), Failure> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Failure::new(Exit::Usage, format!("a server has no answer to {name}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_so_that_it_can_be_typed() {
        assert_eq!(shown(b"shop:0:product_MTNVTU"), "shop:0:product_MTNVTU");
        assert_eq!(shown(b"a\n"), "0x610A");
        assert_eq!(shown("a\u{202E}b".as_bytes()), "0x61E280AE62");
        assert_eq!(shown(b"0x61"), "0x30783631");
        assert_eq!(hex("610A"), Some(b"a\n".to_vec()));
        assert_eq!((hex("6"), hex("6g"), hex("+1")), (None, None, None));
    }
}
