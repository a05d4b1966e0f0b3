"""fill_code.py FILE COPY: an ELF file of 64 bits as if no byte were left in its code's last page."""
import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())
table, = struct.unpack_from("<Q", data, 32)
size, count = struct.unpack_from("<HH", data, 54)
filled = False
for at in range(table, table + size * count, size):
    kind, flags, offset, address = struct.unpack_from("<IIQQ", data, at)
    if kind != 1 or not flags & 1:
        continue
    length, = struct.unpack_from("<Q", data, at + 32)
    length += -(offset + length) % 4096
    struct.pack_into("<QQ", data, at + 32, length, length)
    filled = True
assert filled, sys.argv[1]
open(sys.argv[2], "wb").write(data)
