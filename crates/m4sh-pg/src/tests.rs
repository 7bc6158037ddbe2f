//! The managed cluster, with real PostgreSQL programs in folders of its own.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, process::Command};

use super::*;

/// A data directory that takes its server and its files with it.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self::with_mode(0o755)
    }

    fn with_mode(mode: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("m4sh-home-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        Self { folder }
    }

    /// A folder below it that does not exist yet.
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn start(&self) -> Cluster {
        Cluster::start(&self.data()).await.unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let known = files::known_cluster(&self.data()).ok().flatten();
        if let Some(pid) = known.as_deref().and_then(postmaster) {
            kill("-QUIT", &pid);
        }
        if let Some(home) =
            known.as_deref().and_then(Path::parent).filter(|home| home.starts_with(files::system_homes()))
        {
            let _ = std::fs::remove_dir_all(home);
            // Goes with the last home in it.
            let _ = std::fs::remove_dir(files::system_homes());
        }
    }
}

fn postmaster(cluster: &Path) -> Option<String> {
    let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    text.lines().next().map(str::to_owned)
}

fn kill(signal: &str, pid: &str) {
    Command::new("kill").args([signal, pid]).status().unwrap();
}

async fn client(cluster: &Cluster) -> Client {
    let (client, connection) = tokio_postgres::connect(cluster.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn ask(cluster: &Cluster, sql: &str) -> String {
    client(cluster).await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn o5_a_cluster_is_made_reached_by_socket_only_stopped_and_found_again() {
    let home = Home::new();
    let cluster = home.start().await;
    assert_eq!(ask(&cluster, "SHOW listen_addresses").await, "");
    let identity = "SELECT concat_ws(' ', current_user, current_database(), current_setting('server_encoding'))";
    assert_eq!(ask(&cluster, identity).await, "m4sh m4sh UTF8");
    assert_eq!(ask(&cluster, "SHOW data_checksums").await, "on");
    assert_eq!(ask(&cluster, "SHOW synchronous_commit").await, "on");
    assert_eq!(cluster.place.cluster().metadata().unwrap().permissions().mode() & 0o077, 0);
    client(&cluster).await.batch_execute("CREATE TABLE kept AS SELECT 'yes' AS word").await.unwrap();
    cluster.stop().await.unwrap();
    assert_eq!(postmaster(&home.data().join("postgres")), None);

    let cluster = home.start().await;
    assert_eq!(ask(&cluster, "SELECT word FROM kept").await, "yes");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn o5_a_cluster_whose_server_was_killed_recovers_what_was_committed() {
    let home = Home::new();
    let cluster = home.start().await;
    client(&cluster).await.batch_execute("CREATE TABLE kept AS SELECT 'yes' AS word").await.unwrap();
    kill("-KILL", &postmaster(cluster.data_directory()).unwrap());
    drop(cluster);

    let cluster = home.start().await;
    assert_eq!(ask(&cluster, "SELECT word FROM kept").await, "yes");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn o5_a_server_that_a_killed_m4sh_left_running_is_adopted_and_one_m4sh_at_a_time_has_it() {
    let home = Home::new();
    let cluster = home.start().await;
    let since = ask(&cluster, "SELECT pg_postmaster_start_time()::text").await;

    let second = Cluster::start(&home.data()).await.unwrap_err();
    assert!(matches!(second, ClusterError::InUse(..)), "{second}");
    assert!(second.to_string().contains(&format!("(process {})", std::process::id())), "{second}");

    // What the end of a killed process does: the lock goes, the server stays.
    drop(cluster);
    let cluster = home.start().await;
    assert_eq!(ask(&cluster, "SELECT pg_postmaster_start_time()::text").await, since);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn o5_a_kill_in_the_middle_of_making_a_cluster_leaves_nothing_half_made() {
    let home = Home::new();
    let unfinished = || {
        let entries = std::fs::read_dir(home.data()).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("postgres.unfinished-")).count()
    };
    let begun = async {
        while unfinished() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let data = home.data();
    tokio::select! {
        cluster = Cluster::start(&data) => panic!("made before it was looked at: {cluster:?}"),
        () = begun => {}
    }
    assert!(!home.data().join("postgres").exists());

    let cluster = home.start().await;
    assert_eq!(ask(&cluster, "SELECT 'it answers'").await, "it answers");
    assert_eq!(unfinished(), 0);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn o5_a_long_path_puts_the_socket_into_a_private_folder_with_a_short_one() {
    let home = Home::new();
    let data = home.data().join("a b'\"$x".repeat(12));
    std::fs::create_dir_all(&data).unwrap();
    let cluster = Cluster::start(&data).await.unwrap();
    let sockets = cluster.place.socket_folder().unwrap();
    assert!(sockets.as_os_str().len() < 90 && sockets != cluster.place.cluster());
    assert_eq!(sockets.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(ask(&cluster, "SELECT 'it answers'").await, "it answers");
    cluster.stop().await.unwrap();

    // A folder of that name that others can enter is not trusted.
    std::fs::set_permissions(&sockets, Permissions::from_mode(0o777)).unwrap();
    let refused = Cluster::start(&data).await.unwrap_err();
    assert!(refused.to_string().contains("not a private folder"), "{refused}");
    std::fs::remove_dir(&sockets).unwrap();
}

#[tokio::test]
async fn o5_a_pid_file_that_names_another_program_of_the_same_user_does_not_keep_the_server_down() {
    let home = Home::new();
    let cluster = home.start().await;
    let pid_file = cluster.place.cluster().join("postmaster.pid");
    let (place, user) = (cluster.place.clone(), cluster.user);
    let lines = std::fs::read_to_string(&pid_file).unwrap();
    cluster.stop().await.unwrap();
    let mut sleeper = tokio::process::Command::new("sleep");
    let mut sleeper = user.runs(sleeper.arg("600")).kill_on_drop(true).spawn().unwrap();
    let (_, rest) = lines.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", sleeper.id().unwrap())).unwrap();
    user.owns(&File::open(&pid_file).unwrap(), &pid_file).unwrap();

    let cluster = home.start().await;
    assert_eq!(cluster.place, place);
    assert_eq!(ask(&cluster, "SELECT 'it answers'").await, "it answers");
    assert!(sleeper.try_wait().unwrap().is_none(), "the other program was harmed");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn o5_a_folder_that_is_no_cluster_is_left_alone() {
    let home = Home::new();
    let mine = home.data().join("postgres/mine.txt");
    std::fs::create_dir_all(mine.parent().unwrap()).unwrap();
    std::fs::write(&mine, "mine").unwrap();
    let refused = Cluster::start(&home.data()).await.unwrap_err();
    assert!(matches!(refused, ClusterError::File { .. }), "{refused}");
    assert_eq!(std::fs::read_to_string(mine).unwrap(), "mine");
}

#[tokio::test]
async fn o5_a_data_directory_that_the_servers_user_cannot_enter_keeps_its_cluster_elsewhere() {
    let home = Home::with_mode(0o700);
    let cluster = home.start().await;
    // Only root lends another user; anybody else can enter what is theirs.
    let lent = cluster.user.other.is_some();
    assert_eq!(cluster.data_directory().starts_with(files::system_homes()), lent);
    client(&cluster).await.batch_execute("CREATE TABLE kept AS SELECT 'yes' AS word").await.unwrap();
    let place = cluster.data_directory().to_owned();
    cluster.stop().await.unwrap();

    // Found again, even when it could now be made in the data directory.
    std::fs::set_permissions(home.folder.path(), Permissions::from_mode(0o755)).unwrap();
    let cluster = home.start().await;
    assert_eq!(cluster.data_directory(), place);
    assert_eq!(ask(&cluster, "SELECT word FROM kept").await, "yes");
    cluster.stop().await.unwrap();
    if lent {
        std::fs::rename(&place, place.with_extension("away")).unwrap();
        let missing = Cluster::start(&home.data()).await.unwrap_err();
        assert!(missing.to_string().contains("where there is nothing"), "{missing}");
        std::fs::rename(place.with_extension("away"), &place).unwrap();
    }
}

#[tokio::test]
async fn o5_missing_programs_are_named_with_the_command_that_installs_them() {
    let missing = Programs::find(Some("99")).await.unwrap_err().to_string();
    assert!(missing.contains("apt-get install postgresql-99") && missing.contains("DATABASE_URL"), "{missing}");
}
