"""Stands in for an archive's build backend while pip downloads it: pip asks for the name and version.

pip prepares the metadata of each source archive that it downloads, for which it would install and run
that archive's build system. Its PKG-INFO already holds them.
"""

import email
import pathlib
import shutil
import sys


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    metadata = email.message_from_string(pathlib.Path("PKG-INFO").read_text(encoding="utf-8"))
    name = metadata["Name"].replace("-", "_").replace(".", "_")
    info = pathlib.Path(folder, f"{name}-{metadata['Version']}.dist-info")
    info.mkdir()
    shutil.copy("PKG-INFO", info / "METADATA")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\n")
    return info.name


def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise NotImplementedError


# Where an archive names no build system, pip asks for setuptools' by this name.
__legacy__ = sys.modules[__name__]
