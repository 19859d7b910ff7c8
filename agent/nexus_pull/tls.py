"""Which certificates are trusted: by every Python alike."""

import ssl

from nexus_pull.errors import AgentError


def context(settings, where):
    """For a client; `where` names the settings that may have a `ca_certificate` beside the system's authorities."""
    made = ssl.create_default_context()
    # From Python 3.13 on the default also wants extensions (a key identifier ...) that many a private authority leaves out
    # and that git, curl and older Pythons do not ask for: the same fleet would be silent on the newer distribution only.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if "ca_certificate" in settings:
        try:
            made.load_verify_locations(cadata=settings["ca_certificate"])
        except ssl.SSLError as error:
            raise AgentError("config_invalid", "%s.ca_certificate is no PEM certificate: %s" % (where, error)) from error
    return made
