//! The client encodings that a session may have.
//!
//! The gateway reads SQL as the server's lexer does, byte by byte. In SJIS, BIG5, GBK, GB18030, JOHAB and UHC
//! the second byte of a character can be a backslash or a quote, so the server would see another statement
//! than we do (CVE-2006-2314 is that attack). In all others every byte of a multi-byte character has its high
//! bit set. PostgreSQL documentation, "Character Set Support"; names as in `pg_encname_tbl`.

/// What an encoding name means for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Safe to lex byte by byte; the server's own name for it.
    Allow(&'static str),
    /// A second byte can be a backslash; the server's own name for it.
    Unsafe(&'static str),
    /// Not a name that PostgreSQL knows.
    Unknown,
}

/// Looks a name up as the server does: only letters and digits count, without case.
pub(crate) fn encoding(name: &str) -> Encoding {
    let clean: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Encoding::Allow(match clean.as_str() {
        "utf8" | "unicode" => "UTF8",
        "sqlascii" => "SQL_ASCII",
        "euccn" => "EUC_CN",
        "eucjp" => "EUC_JP",
        "eucjis2004" => "EUC_JIS_2004",
        "euckr" => "EUC_KR",
        "euctw" => "EUC_TW",
        "muleinternal" => "MULE_INTERNAL",
        "latin1" | "iso88591" => "LATIN1",
        "latin2" | "iso88592" => "LATIN2",
        "latin3" | "iso88593" => "LATIN3",
        "latin4" | "iso88594" => "LATIN4",
        "latin5" | "iso88599" => "LATIN5",
        "latin6" | "iso885910" => "LATIN6",
        "latin7" | "iso885913" => "LATIN7",
        "latin8" | "iso885914" => "LATIN8",
        "latin9" | "iso885915" => "LATIN9",
        "latin10" | "iso885916" => "LATIN10",
        "iso88595" => "ISO_8859_5",
        "iso88596" => "ISO_8859_6",
        "iso88597" => "ISO_8859_7",
        "iso88598" => "ISO_8859_8",
        "koi8" | "koi8r" => "KOI8R",
        "koi8u" => "KOI8U",
        "win866" | "windows866" | "alt" => "WIN866",
        "win874" | "windows874" => "WIN874",
        "win1250" | "windows1250" => "WIN1250",
        "win1251" | "windows1251" | "win" => "WIN1251",
        "win1252" | "windows1252" => "WIN1252",
        "win1253" | "windows1253" => "WIN1253",
        "win1254" | "windows1254" => "WIN1254",
        "win1255" | "windows1255" => "WIN1255",
        "win1256" | "windows1256" => "WIN1256",
        "win1257" | "windows1257" => "WIN1257",
        "win1258" | "windows1258" | "abc" | "tcvn" | "tcvn5712" | "vscii" => "WIN1258",
        "sjis" | "shiftjis" | "mskanji" | "win932" | "windows932" => return Encoding::Unsafe("SJIS"),
        "shiftjis2004" => return Encoding::Unsafe("SHIFT_JIS_2004"),
        "big5" | "win950" | "windows950" => return Encoding::Unsafe("BIG5"),
        "gbk" | "win936" | "windows936" => return Encoding::Unsafe("GBK"),
        "gb18030" => return Encoding::Unsafe("GB18030"),
        "johab" => return Encoding::Unsafe("JOHAB"),
        "uhc" | "win949" | "windows949" => return Encoding::Unsafe("UHC"),
        _ => return Encoding::Unknown,
    })
}

/// Whether it is a name of UTF8.
pub(crate) fn is_utf8(name: &str) -> bool {
    encoding(name) == Encoding::Allow("UTF8")
}
