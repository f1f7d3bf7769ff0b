"""A mail server that insists on STARTTLS and a login, and keeps what it takes in
a Maildir: mailserver.py HOST:PORT MAILDIR CERT KEY USER PASSWORD"""

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

address, maildir, cert, key, user, password = sys.argv[1:]
host, port = address.rsplit(":", 1)


def authenticate(server, session, envelope, mechanism, data):
    fine = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=fine, handled=False)


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    handler = Mailbox(maildir)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            handler,
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        ),
        host,
        int(port),
    )
    await server.serve_forever()


asyncio.run(main())
