//! A door to an object store that fails on a schedule: before anything was done, or after it was.
//! Used by the vault's tests.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// What the store does with one put or delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InjectedFault {
    /// It works.
    None,
    /// It is refused.
    Before,
    /// It works, and the answer is lost.
    After,
}

/// The schedule; empty, everything works.
#[derive(Default, Debug)]
pub(super) struct FaultGate {
    faults: Mutex<Vec<InjectedFault>>,
    next: AtomicUsize,
}

impl FaultGate {
    pub(super) fn set(&self, faults: &[InjectedFault]) {
        *self.faults.lock().unwrap() = faults.to_vec();
    }

    fn next(&self) -> InjectedFault {
        let faults = self.faults.lock().unwrap();
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        if faults.is_empty() { InjectedFault::None } else { faults[at % faults.len()] }
    }
}

fn broken<T>() -> Result<T> {
    Err(object_store::Error::Generic { store: "flaky", source: "on schedule".into() })
}

/// A store behind the door.
#[derive(Debug)]
pub(super) struct FaultyStore {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) door: Arc<FaultGate>,
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flaky")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.door.next() {
            InjectedFault::Before => broken(),
            InjectedFault::None => self.objects.put_opts(at, payload, options).await,
            InjectedFault::After => {
                self.objects.put_opts(at, payload, options).await?;
                broken()
            }
        }
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.objects.get_opts(at, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (objects, door) = (Arc::clone(&self.objects), Arc::clone(&self.door));
        let delete = move |path: Result<Path>| {
            let (objects, fault) = (Arc::clone(&objects), door.next());
            async move {
                let path = path?;
                if fault != InjectedFault::Before {
                    objects.delete(&path).await?;
                }
                if fault == InjectedFault::None { Ok(path) } else { broken() }
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
