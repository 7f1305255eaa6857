//! Numbers rounded down to a multiple of a step.

/// Bytes of an integer type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Two,
    Four,
    Eight,
}

impl Width {
    pub(super) fn max(self) -> i64 {
        match self {
            Width::Two => i64::from(i16::MAX),
            Width::Four => i64::from(i32::MAX),
            Width::Eight => i64::MAX,
        }
    }
}

/// An integer, by a step that is one too: a fraction of 1 would hide nothing, and 2.5 has no integer multiples to
/// round to.
pub(super) fn floor_integer(number: i64, step: f64) -> Option<i64> {
    if step.fract() != 0.0 || !(1.0..9e18).contains(&step) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "an integer below 2^63")]
    let step = i128::from(step as i64);
    let number = i128::from(number);
    i64::try_from(number - number.rem_euclid(step)).ok()
}

/// A float. The remainder is exact, where a quotient of a large number would be rounded and hide nothing.
pub(super) fn floor_float(number: f64, step: f64) -> Option<f64> {
    if !number.is_finite() || !step.is_finite() || step <= 0.0 {
        return None;
    }
    let remainder = number.rem_euclid(step);
    // Adding 0 makes -0 a 0.
    let floor = number - remainder + 0.0;
    // Where the step is lost in the number's own rounding, it would be shown as it is.
    (floor.is_finite() && (remainder == 0.0 || floor < number)).then_some(floor)
}

/// A step as `factor` * 10^`exponent`, exactly as it is written in decimal.
fn decimal_step(step: f64) -> Option<(u128, i32)> {
    if !step.is_finite() || step <= 0.0 {
        return None;
    }
    let text = format!("{step:e}");
    let (digits, exponent) = text.split_once('e')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = i32::try_from(fraction.len()).ok()?;
    Some((format!("{whole}{fraction}").parse().ok()?, exponent.parse::<i32>().ok()?.checked_sub(places)?))
}

/// A numeric in text, of any length, without a rounding but the one that is wanted.
pub(super) fn floor_decimal(text: &str, step: f64) -> Option<String> {
    let (factor, exponent) = decimal_step(step)?;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // `high` counts units of 10^exponent; what is below them is only 0 or not.
    let (mut high, low) = if exponent >= 0 {
        let kept = whole.len().saturating_sub(usize::try_from(exponent).ok()?);
        let (high, low) = whole.split_at_checked(kept)?;
        (high.to_owned(), format!("{low}{fraction}"))
    } else {
        let places = usize::try_from(exponent.checked_neg()?).ok()?;
        let (units, low) = fraction.split_at_checked(places).unwrap_or((fraction, ""));
        let missing = "0".repeat(places.saturating_sub(units.len()));
        (format!("{whole}{units}{missing}"), low.to_owned())
    };
    let remainder = high.bytes().fold(0u128, |rest, digit| (rest * 10 + u128::from(digit - b'0')) % factor);
    let exact = remainder == 0 && low.bytes().all(|digit| digit == b'0');
    high = shifted(&high, remainder, false)?;
    if negative && !exact {
        high = shifted(&high, factor, true)?;
    }
    let zero = high.bytes().all(|digit| digit == b'0');
    let mut result = String::new();
    if negative && !zero {
        result.push('-');
    }
    if exponent >= 0 {
        result.push_str(match high.trim_start_matches('0') {
            "" => "0",
            high => high,
        });
        if !zero {
            result.push_str(&"0".repeat(usize::try_from(exponent).ok()?));
        }
    } else {
        let places = usize::try_from(exponent.checked_neg()?).ok()?;
        let high = format!("{high:0>width$}", width = places + 1);
        let (whole, fraction) = high.split_at_checked(high.len().checked_sub(places)?)?;
        result.push_str(match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        });
        result.push('.');
        result.push_str(fraction);
    }
    Some(result)
}

/// A string of digits plus or minus a small number; `None` if it would be negative.
fn shifted(digits: &str, by: u128, add: bool) -> Option<String> {
    let mut rest = by;
    let mut carry = 0u8;
    let mut reversed = Vec::with_capacity(digits.len() + 1);
    for digit in digits.bytes().rev() {
        let digit = digit.checked_sub(b'0')?;
        let other = u8::try_from(rest % 10).ok()? + carry;
        rest /= 10;
        let result = if add {
            carry = (digit + other) / 10;
            (digit + other) % 10
        } else {
            carry = u8::from(digit < other);
            digit + 10 * carry - other
        };
        reversed.push(b'0' + result);
    }
    if !add {
        return (rest == 0 && carry == 0)
            .then(|| reversed.iter().rev().map(|byte| char::from(*byte)).collect());
    }
    let mut rest = rest + u128::from(carry);
    while rest > 0 {
        reversed.push(b'0' + u8::try_from(rest % 10).ok()?);
        rest /= 10;
    }
    Some(reversed.iter().rev().map(|byte| char::from(*byte)).collect())
}
