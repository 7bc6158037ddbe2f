//! The settings of the cluster and its URLs, as text. Called by the rest of this crate.
//! Never touches a file.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path};

/// The cluster's superuser, and the only role.
pub(super) const ROLE: &str = "m4sh";
/// The database of m4sh.
pub(super) const DATABASE: &str = "m4sh";
/// Where the socket is: `unix_socket_directories` of a socket in the cluster's own folder.
pub(super) const HERE: &str = ".";

/// The address of a database behind the socket in `folder`.
pub(super) fn url(folder: &Path, database: &str) -> String {
    let mut host = String::new();
    for byte in folder.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() {
            host.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(host, "%{byte:02X}");
        }
    }
    format!("postgresql://{ROLE}@{host}/{database}")
}

/// The text of `m4sh.conf`. `sockets` is one folder without quotes or control characters.
pub(super) fn text(sockets: &str) -> String {
    format!(
        "# Written by m4sh at each start: changes here are lost. Put your own into postgresql.conf, below the line\n\
         # that includes this file.\n\
         listen_addresses = ''                   # no TCP: reached through a socket that only its owner can open\n\
         port = 5432                             # a part of the socket's name\n\
         unix_socket_directories = '\"{sockets}\"'\n\
         unix_socket_permissions = 0700\n\
         max_connections = 60                    # a pool, the journal writers, and room for a person with psql\n\
         shared_buffers = 128MB\n\
         jit = off                               # every query here is short\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         logging_collector = on                  # one file for each day of the week, overwritten a week later\n\
         log_directory = 'log'\n\
         log_filename = 'postgres-%a.log'\n\
         log_rotation_age = 1d\n\
         log_rotation_size = 0\n\
         log_truncate_on_rotation = on\n\
         log_min_duration_statement = 250ms      # slow statements, but …\n\
         log_parameter_max_length = 0            # … never what people drew or typed\n\
         log_parameter_max_length_on_error = 0\n\
         log_error_verbosity = terse             # for the same reason: details quote rows\n"
    )
}

#[cfg(test)]
mod tests {
    use tokio_postgres::{Config, config::Host};

    use super::*;

    #[test]
    fn o_an_address_survives_any_folder_name() {
        for folder in ["/srv/m4sh data/postgres", "/srv/ä%2F@:?#'\"/postgres"] {
            let config: Config = url(folder.as_ref(), "m4sh").parse().unwrap();
            assert_eq!(config.get_hosts(), [Host::Unix(folder.into())]);
            assert_eq!((config.get_user(), config.get_dbname()), (Some("m4sh"), Some("m4sh")));
        }
    }
}
