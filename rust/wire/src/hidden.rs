use std::fmt;

use zeroize::Zeroize;

/// A secret: zeroed when dropped, and shown as `***` wherever it is printed.
///
/// [`expose`](Self::expose) is the only way in, so that a search for that word finds every use. A clone is
/// zeroed on its own. What the secret was made from is the caller's to zero.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself. Don't keep or print what comes out.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A value that is no secret to its owner but has no place in our logs: `Debug` shows `<redacted>`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Redacted<T>(pub T);

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[derive(Debug)]
    struct Holder {
        #[allow(dead_code)]
        password: Secret<String>,
        #[allow(dead_code)]
        text: Redacted<&'static str>,
    }

    #[test]
    fn printing_never_shows_the_value() {
        let holder = Holder { password: Secret::new("hunter2".into()), text: Redacted("select 'ssn'") };
        assert_eq!(format!("{holder:?}"), "Holder { password: ***, text: <redacted> }");
        assert_eq!(format!("{}", holder.password), "***");
        assert_eq!(holder.password.expose(), "hunter2");
    }

    #[test]
    fn dropping_zeroes_the_value() {
        struct Watched(Rc<Cell<bool>>);
        impl Zeroize for Watched {
            fn zeroize(&mut self) {
                self.0.set(true);
            }
        }
        let zeroed = Rc::new(Cell::new(false));
        let secret = Secret::new(Watched(Rc::clone(&zeroed)));
        assert!(!secret.expose().0.get());
        drop(secret);
        assert!(zeroed.get());
    }
}
