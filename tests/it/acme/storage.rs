//! The directory: for one program alone, and refused where others may have been.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use harness::acme_server::AcmePlan;

use super::{Door, Tier, served};

/// What is done to the directory and the certificate in it.
type Change = fn(&Path, &Path) -> io::Result<()>;

fn mode_to(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_others_may_read_or_wrote_in_refuses_the_start_and_the_check() {
    let server = AcmePlan::new().start();
    let domain = "a.acme.test";
    for tier in [Tier::Gateway, Tier::Edge] {
        let door = Door::of(tier, &server, domain, "http-01").await;
        let program = door.start();
        served(&server, domain).await;
        let pem = door.files(".pem").pop().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&door.path("state")), mode(&pem)), (0o700, 0o600));
        assert_eq!(mode(&door.files("account.json")[0]), 0o600);

        // A second program keeps its hands off it; looking is fine.
        assert_eq!(door.check().code, Some(0));
        door.change(door.node(), &server.http().to_string(), "127.0.0.1:0");
        door.change(door.node(), &server.https().to_string(), "127.0.0.1:0");
        let refused = door.try_start().unwrap_err().to_string();
        assert!(refused.contains("is in use by another program"), "{refused}");
        program.stop().unwrap();

        let code = "error[acme-directory-unusable]";
        let spoils: [(&str, Change, Change); 4] = [
            (
                "chmod 700",
                |state, _| mode_to(state, 0o755),
                |state, _| mode_to(state, 0o700),
            ),
            (
                "chmod 600",
                |_, pem| mode_to(pem, 0o644),
                |_, pem| mode_to(pem, 0o600),
            ),
            (
                "was not written by this program",
                |state, _| fs::write(state.join("privkey.pem"), "x"),
                |state, _| fs::remove_file(state.join("privkey.pem")),
            ),
            (
                "holds no certificate",
                |_, pem| fs::write(pem, ""),
                |_, pem| fs::remove_file(pem),
            ),
        ];
        for (what, spoil, mend) in spoils {
            let state = door.path("state");
            spoil(&state, &pem).unwrap();
            let said = door.check();
            assert!(
                said.code == Some(1) && said.stdout.contains(code) && said.stdout.contains(what),
                "{what}: {said:?}"
            );
            let refused = door.try_start().unwrap_err().to_string();
            assert!(refused.contains(what), "{what}: {refused}");
            mend(&state, &pem).unwrap();
            assert_eq!(door.check().code, Some(0), "{what}");
        }
    }
}
