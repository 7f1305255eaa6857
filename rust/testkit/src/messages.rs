//! PostgreSQL messages, written out by hand (PostgreSQL documentation, "Message Formats").

/// A message: tag, length word, body.
pub fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &untagged(body)].concat()
}

/// A packet without a tag: length word, body.
pub fn untagged(body: &[u8]) -> Vec<u8> {
    [&i32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
}

/// StartupMessage of protocol 3.`minor`.
pub fn startup(minor: u16, params: &[(&str, &str)]) -> Vec<u8> {
    let pairs = params.iter().flat_map(|(name, value)| format!("{name}\0{value}\0").into_bytes());
    untagged(&[&[0, 3][..], &minor.to_be_bytes(), &pairs.collect::<Vec<_>>(), b"\0"].concat())
}

/// An authentication message: `R`, its code, the rest.
pub fn authentication(code: u32, body: &[u8]) -> Vec<u8> {
    framed(b'R', &[&code.to_be_bytes(), body].concat())
}

/// AuthenticationSASL with these mechanisms.
pub fn sasl(mechanisms: &[&str]) -> Vec<u8> {
    let list: Vec<u8> =
        mechanisms.iter().flat_map(|name| format!("{name}\0").into_bytes()).chain([0]).collect();
    authentication(10, &list)
}

/// ParameterStatus.
pub fn parameter(name: &str, value: &str) -> Vec<u8> {
    framed(b'S', format!("{name}\0{value}\0").as_bytes())
}

/// ErrorResponse, FATAL.
pub fn fatal(sqlstate: &str, text: &str) -> Vec<u8> {
    framed(b'E', format!("SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0").as_bytes())
}

/// Tag and body.
pub type Message = (u8, Vec<u8>);

/// The first message of `bytes` and what follows it, if it is whole.
pub fn first(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let length = i32::from_be_bytes(bytes.get(1..5)?.try_into().unwrap());
    let end = 1 + usize::try_from(length).expect("a length of 4 or more");
    Some(((bytes[0], bytes.get(5..end)?.to_vec()), &bytes[end..]))
}
