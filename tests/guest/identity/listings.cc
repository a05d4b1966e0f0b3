// What kind of file a listing says that an entry is: of devices as of all others.
#include <algorithm>
#include <fcntl.h>
#include <sys/syscall.h>
#include <vector>

#include "tests/guest/identity/table.h"

namespace {

constexpr long kOldCall = 141, kOldCall64 = 220;  // getdents(2) and getdents64(2) of i386

/// Below 4 GiB, as the program is static.
alignas(8) char buffer[4096];

long call_of_i386(long number, long one, const void* two, long three) {
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(one), "c"(two), "d"(three)
               : "r8", "r9", "r10", "r11", "memory");
  return result;
}

/// How a call lays an entry out: bytes of a word, and where the type is.
struct Layout {
  std::size_t word;
  bool type_behind_name;
};

/// "name type" of each entry of the buffer, in the order of names.
std::string entries(long size, const Layout& layout) {
  if (size < 0) return "fails";
  std::vector<std::string> lines;
  for (const char* entry = buffer; entry < buffer + size;) {
    unsigned short length = 0;
    std::memcpy(&length, entry + 2 * layout.word, sizeof length);
    const char* const head = entry + 2 * layout.word + sizeof length;
    const char* const name = layout.type_behind_name ? head : head + 1;
    const char type = layout.type_behind_name ? entry[length - 1] : *head;
    lines.push_back(std::string(name) + " " + std::to_string(type));
    entry += length;
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines)
    text += text.empty() ? line : ", " + line;
  return text;
}

void list(const char* directory) {
  constexpr int kHow = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const auto show_by = [directory](const char* call, const Layout& layout, auto fill) {
    const int file = open(directory, kHow);
    show(call, std::string(directory) + ": " + entries(fill(file), layout));
    close(file);
  };
  show_by("getdents64", {8, false},
          [](int file) { return syscall(SYS_getdents64, file, buffer, sizeof buffer); });
  show_by("getdents", {8, true},
          [](int file) { return syscall(SYS_getdents, file, buffer, sizeof buffer); });
  show_by("getdents64 of i386", {8, false},
          [](int file) { return call_of_i386(kOldCall64, file, buffer, sizeof buffer); });
  show_by("getdents of i386", {4, true},
          [](int file) { return call_of_i386(kOldCall, file, buffer, sizeof buffer); });
}

void list_all() {
  for (const char* directory : {"first", "second", "third", "fourth"})
    list(directory);
}

}  // namespace

void table_of_listings() {
  for (const char* directory : {"first", "second", "third", "fourth"})
    put_directory(directory, 0, 0, 0755);
  put("first/file", 33, 34, 04755);
  CALL(mknod("first/character", S_IFCHR | 0666, makedev(1, 3)));
  list("first");
  CALL(mknod("first/block", S_IFBLK | 0600, makedev(8, 1)));
  CALL(mknod("first/whiteout", S_IFCHR, 0));
  CALL(mkfifo("first/pipe", 0600));
  CALL(symlink("file", "first/link"));
  list("first");
  CALL(mknod("alone", S_IFCHR | 0666, makedev(1, 5)));
  CALL(rename("alone", "second/moved"));
  CALL(link("first/block", "third/linked"));
  put("fourth/file", 0, 0, 0644);
  unlink("fourth/empty");
  const int empty = open("fourth/empty", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  close(empty);
  CALL(syscall(SYS_renameat2, AT_FDCWD, "first/whiteout", AT_FDCWD, "fourth/empty", 2));
  list_all();
  show("user", "50");
  as(50, 51, {}, [] { list_all(); });
  CALL(chmod("first", 0700));
  CALL(rename("first", "second/renamed"));
  list("second/renamed");
  for (const char* name :
       {"second/renamed/file", "second/renamed/character", "second/renamed/block",
        "second/renamed/whiteout", "second/renamed/pipe", "second/renamed/link", "second/moved",
        "third/linked", "fourth/file", "fourth/empty"})
    CALL(unlink(name));
  list("second/renamed");
  for (const char* directory : {"second/renamed", "second", "third", "fourth"})
    CALL(rmdir(directory));
}
