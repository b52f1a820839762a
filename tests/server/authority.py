"""A certificate authority for the tests, made by the openssl command."""

import shutil
import subprocess

import pytest

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not installed")

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[issuer]
basicConstraints = critical,CA:TRUE
keyUsage = keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
subjectAltName = {names}
"""


def openssl(*args):
    """Run the command; its output."""
    done = subprocess.run([OPENSSL, *map(str, args)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Authority:
    """Has its files in a folder of its own, and what it issues too."""

    def __init__(self, folder, common_name="test CA", by=None):
        self.folder = folder
        folder.mkdir()
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        self.config = folder / "config"
        self.configure()
        self.cert, self.key = folder / "ca.pem", folder / "ca.key"
        self._make_key(self.key)
        subject = f"/CN={common_name}"
        if by is None:
            options = "-x509", "-days", "30", "-extensions", "issuer"
            openssl(
                "req",
                "-new",
                "-config",
                self.config,
                "-key",
                self.key,
                "-subj",
                subject,
                *options,
                "-out",
                self.cert,
            )
        else:
            by.sign(self.key, subject, self.cert, "issuer")

    def configure(self, names="DNS:localhost"):
        self.config.write_text(CONFIG.format(folder=self.folder, names=names))

    @staticmethod
    def _make_key(path):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)

    def sign(self, key, subject, cert, extensions, *options):
        request = self.folder / "request"
        openssl(
            "req", "-new", "-config", self.config, "-key", key, "-subj", subject, "-out", request
        )
        openssl(
            "ca", "-batch", "-notext", "-config", self.config, "-cert", self.cert, "-keyfile", self.key,
            "-extensions", extensions, "-in", request, "-out", cert, *options,
        )  # fmt: skip

    def issue(self, stem, *names, dates=()):
        """Paths of a new certificate for these DNS names, and of its key."""
        cert, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        self.configure(",".join(f"DNS:{name}" for name in names or ("localhost",)))
        self._make_key(key)
        options = ("-startdate", dates[0], "-enddate", dates[1]) if dates else ()
        self.sign(key, f"/CN={stem}", cert, "leaf", *options)
        return cert, key

    def revoke(self, cert):
        openssl(
            "ca", "-config", self.config, "-cert", self.cert, "-keyfile", self.key, "-revoke", cert
        )

    def crl(self):
        """The path of a fresh list."""
        path = self.folder / "crl.pem"
        openssl(
            "ca",
            "-config",
            self.config,
            "-cert",
            self.cert,
            "-keyfile",
            self.key,
            "-gencrl",
            "-out",
            path,
        )
        return path
