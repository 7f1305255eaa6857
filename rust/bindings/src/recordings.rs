//! Reading recordings: frames of a segment, verification, and giving a segment up.

use crate::{malformed, pack};
use hoopwire_spool::{SegmentFrames, release_segment as release, verify_directory};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The frames of one segment, in order.
#[pyclass(frozen, module = "hoopwire._engine")]
pub(crate) struct Frames {
    frames: Mutex<SegmentFrames>,
}

#[pymethods]
impl Frames {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let next = self.frames.lock().unwrap_or_else(PoisonError::into_inner).next();
        next.transpose().map(|frame| frame.map(|bytes| PyBytes::new(py, &bytes))).map_err(malformed)
    }
}

/// Frames of one segment file, each a MessagePack array.
#[pyfunction]
pub(crate) fn read_frames(path: &str) -> PyResult<Frames> {
    let frames = hoopwire_spool::read_frames(Path::new(path)).map_err(malformed)?;
    Ok(Frames { frames: Mutex::new(frames) })
}

/// Verifies what lies at or below `path`; `checkpoints` is the text of a file of checkpoints.
#[pyfunction]
#[pyo3(signature = (path, public_key_pem, checkpoints=None))]
pub(crate) fn verify_recordings<'py>(
    py: Python<'py>,
    path: &str,
    public_key_pem: &str,
    checkpoints: Option<&str>,
) -> PyResult<Bound<'py, PyBytes>> {
    let report =
        py.detach(|| verify_directory(Path::new(path), public_key_pem, checkpoints)).map_err(malformed)?;
    pack(py, &report)
}

/// Gives up the local copy of a sealed segment that is archived elsewhere; true if its file will be used again.
#[pyfunction]
pub(crate) fn release_segment(path: &str) -> PyResult<bool> {
    release(Path::new(path)).map(|released| released == hoopwire_spool::Released::Kept).map_err(malformed)
}
