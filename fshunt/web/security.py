"""What each response says to the browser: what a page may load, who may show it, and that nothing is kept."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from fshunt.settings import Settings

SOURCES = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
"""Nothing inline, nothing from elsewhere: text that gets into a page where it should not cannot run."""

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"
"""A year; not for subdomains, which may be somebody else's."""

STATIC_CACHE = "public, max-age=31536000, immutable"
"""The address of a static file has its version."""

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HEALTH_PATH = "/healthz"
"""A load balancer asks for it by address: no host is checked there."""


def install(app: Flask, settings: Settings) -> None:
    """Have an application check the host of each request, and write the headers of each response."""
    allowed = allowed_hosts(settings)

    @app.before_request
    def _check_host() -> None:
        # Another site's name that leads to this address (DNS rebinding) would share its cookies and read the pages.
        if request.path != HEALTH_PATH and not _is_allowed(request.environ.get("HTTP_HOST", ""), allowed):
            abort(400)

    @app.after_request
    def _write_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        static = request.endpoint == "static" and response.status_code == 200
        response.headers["Cache-Control"] = STATIC_CACHE if static else "no-store"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = HSTS
        return response


def allowed_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the hosts that requests may name; none: any, where people reach the pages at an address not known here."""
    if settings.web_url is not None:
        own = (urlsplit(settings.web_url).netloc,)
        return (*own, *LOOPBACK_HOSTS) if settings.web_listen.loopback and not settings.web_trusted_proxies else own
    if settings.web_listen.loopback and not settings.web_trusted_proxies:
        return LOOPBACK_HOSTS
    return ()


def _is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    if not host:
        return False
    return not allowed or host in allowed or without_port(host) in set(allowed) & set(LOOPBACK_HOSTS)


def without_port(host: str) -> str:
    """Return the host without a port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def is_loopback_host(host: str) -> bool:
    """Whether a host is this machine's own name."""
    return without_port(host) in LOOPBACK_HOSTS
