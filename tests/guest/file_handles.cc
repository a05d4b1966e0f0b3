// name_to_handle_at(2) keeps the last link unless told to follow; the handle opens as root.
#include <fcntl.h>

#include "tests/support/guest_test.h"

namespace {
struct Handle {
  alignas(file_handle) char bytes[sizeof(file_handle) + MAX_HANDLE_SZ];
  file_handle* head() { return reinterpret_cast<file_handle*>(bytes); }
};

int handle_of(const char* path, int flags, Handle& handle) {
  int mount = 0;
  handle = Handle{};
  handle.head()->handle_bytes = MAX_HANDLE_SZ;
  return name_to_handle_at(AT_FDCWD, path, handle.head(), &mount, flags);
}

bool same(const Handle& left, const Handle& right) {
  return std::memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
}
}  // namespace

int main() {
  Handle file, kept, followed;
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0);
  if (handle_of("file", 0, file) == -1 && errno == EOPNOTSUPP) SKIP("no file handles here");
  EXPECT(handle_of("link", 0, kept) == 0 && !same(file, kept));
  EXPECT(handle_of("link", AT_SYMLINK_FOLLOW, followed) == 0 && same(file, followed));
  EXPECT_ERRNO(handle_of("absent", 0, kept), ENOENT);
  EXPECT_ERRNO(handle_of("", 0, kept), ENOENT);
  EXPECT(handle_of((working_directory() + "/file").c_str(), 0, kept) == 0 && same(file, kept));

  const int opened = open_by_handle_at(open(".", O_RDONLY), file.head(), O_RDONLY);
  if (opened == -1) {
    EXPECT(errno == EPERM);  // needs CAP_DAC_READ_SEARCH
  } else {
    char text[4];
    EXPECT(read(opened, text, 4) == 4 && std::memcmp(text, "text", 4) == 0);
  }
}
