"""Runs the emulator for as long as its parent lives.

    emulate.py [--record FILE] DIRECTORY

With --record, every call that is signed by others than root is noted in FILE (record.py).

The parent holds the other end of standard input and never writes. When that end closes, the parent is gone, however it
went: the directory is removed, and the whole process group (emulator and functions) ends. Nothing of it is worth saving.
"""

import asyncio
import os
import runpy
import shutil
import signal
import sys
import threading
import uuid

sys.dont_write_bytecode = True  # nothing is written beside the sources
import checks
import record

sys.dont_write_bytecode = False


def main():
    directory = sys.argv.pop()
    threading.Thread(target=end_with_parent, args=(directory,), daemon=True).start()
    bind_to_loopback()
    draw_names()
    keep_tables()
    checks.correct()
    if "--record" in sys.argv:
        at = sys.argv.index("--record")
        _, path = sys.argv[at : at + 2]
        del sys.argv[at : at + 2]
        record_in(path)
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)


def record_in(path):
    import ministack.app

    ministack.app.app = record.recorded(ministack.app.app, path)


def end_with_parent(directory):
    # Not sys.stdin: its lock, held here for ever, would hang the interpreter's own shutdown.
    os.read(0, 1)
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def bind_to_loopback():
    """Gap: the MQTT listener binds to all addresses, whatever BIND_HOST says."""
    create_server = asyncio.BaseEventLoop.create_server

    def bound(self, protocol_factory, host=None, port=None, **options):
        host = os.environ["BIND_HOST"] if host == "0.0.0.0" else host
        return create_server(self, protocol_factory, host, port, **options)

    asyncio.BaseEventLoop.create_server = bound


def draw_names():
    """Gap: generated names are the same for every stack of a name; AWS draws new ones, so what one kept is in no other's way."""
    from ministack.services.cloudformation import stacks

    def drawn(*resource):
        seed = stacks._NAME_SEED.set(uuid.uuid4().hex[:8])
        try:
            return stacks._provision_resource(*resource), stacks._NAME_SEED.get()
        finally:
            stacks._NAME_SEED.reset(seed)

    stacks._provision_keeping_seed = drawn


def keep_tables():
    """Gap: a stack whose table has a name that is taken empties the table that is there; AWS refuses."""
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create = handlers["create"]

    def unless_taken(logical_id, properties, stack_name):
        name = properties.get("TableName")
        if name in dynamodb._tables:
            raise ValueError(f"table {name} already exists")
        return create(logical_id, properties, stack_name)

    handlers["create"] = unless_taken


if __name__ == "__main__":
    main()
