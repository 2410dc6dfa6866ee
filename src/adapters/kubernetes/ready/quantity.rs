//! Quantities of Kubernetes: `100m`, `1.5`, `256Mi`, `1e3`.

/// In thousandths, rounded up. None for what is no quantity, or is negative.
pub(super) fn thousandths(text: &str) -> Option<u128> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let number = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(number);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || part.contains('.') || digits.len() > 24 {
        return None;
    }
    let value: u128 = format!("0{whole}{part}").parse().ok()?;
    // value / 10^places × factor thousandths.
    let places = u32::try_from(part.len()).ok()?;
    let (factor, below) = factor(suffix)?;
    let over = 10_u128.checked_pow(places)?.checked_mul(below)?;
    let product = value.checked_mul(factor)?;
    Some(product.div_ceil(over))
}

/// A suffix as thousandths: what to multiply with, and what to divide by.
fn factor(suffix: &str) -> Option<(u128, u128)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let decimal = ["k", "M", "G", "T", "P", "E"];
    if let Some(at) = binary.iter().position(|name| *name == suffix) {
        return Some((1000 << (10 * (at + 1)), 1));
    }
    if let Some(at) = decimal.iter().position(|name| *name == suffix) {
        return Some((
            1000 * 1000_u128.checked_pow(u32::try_from(at + 1).ok()?)?,
            1,
        ));
    }
    match suffix {
        "" => Some((1000, 1)),
        "m" => Some((1, 1)),
        "u" => Some((1, 1000)),
        "n" => Some((1, 1_000_000)),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 {
                Some((1000, power))
            } else {
                Some((1000_u128.checked_mul(power)?, 1))
            }
        }
    }
}

/// Whole units, rounded up.
pub(super) fn units(text: &str) -> Option<u64> {
    u64::try_from(thousandths(text)?.div_ceil(1000)).ok()
}

/// Thousandths of a CPU.
pub(super) fn cpu(text: &str) -> Option<u64> {
    u64::try_from(thousandths(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_kubernetes_reads_them() {
        for (text, expected) in [
            ("100m", Some(100)),
            ("1", Some(1000)),
            ("0.5", Some(500)),
            (".5", Some(500)),
            ("1.5", Some(1500)),
            ("2k", Some(2_000_000)),
            ("1Ki", Some(1_024_000)),
            ("1e3", Some(1_000_000)),
            ("1E", Some(10_u128.pow(21))),
            ("5e-1", Some(500)),
            ("100n", Some(1)),
            ("", None),
            ("-1", None),
            ("1.2.3", None),
            ("1Q", None),
            ("99999999999999999999999999", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        assert_eq!(units("256Mi"), Some(256 << 20));
        assert_eq!(units("1500m"), Some(2));
    }
}
