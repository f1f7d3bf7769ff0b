"""A mail server for the tests: aiosmtpd with its Mailbox handler, and a few
receivers that it doesn't like. Prints its port, serves until stdin ends.

    smtpd.py MAILDIR [--cert FILE --key FILE [--implicit]] [--auth NAME PASSWORD]
"""
import argparse
import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult, SMTP


class Picky(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("full"):
            return "452 4.2.2 mailbox full"
        if address.startswith("many"):
            return "552 5.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if b"Subject: refuse me" in envelope.content:
            return "554 5.7.1 refused by policy"
        if b"Subject: try later" in envelope.content:
            return "451 4.3.0 try again later"
        if b"Subject: hang" in envelope.content:
            await asyncio.sleep(60)
        return await super().handle_DATA(server, session, envelope)


async def main(args):
    context = None
    if args.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(args.cert, args.key)

    def login(server, session, envelope, mechanism, data):
        good = (data.login.decode(), data.password.decode()) == tuple(args.auth)
        return AuthResult(success=good, handled=good)

    def factory():
        return SMTP(
            Picky(args.maildir),
            tls_context=None if args.implicit else context,
            require_starttls=bool(context) and not args.implicit,
            authenticator=login if args.auth else None,
            auth_required=bool(args.auth),
            auth_require_tls=bool(context) and not args.implicit,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if args.implicit else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


parser = argparse.ArgumentParser()
parser.add_argument("maildir")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--implicit", action="store_true")
parser.add_argument("--auth", nargs=2)
asyncio.run(main(parser.parse_args()))
