//! hoopwire-recording
