// A directory that holds mount points its file system lacks lists them once, by every call and in
// small parts, again after a rewind, and with their kind.
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {

using Names = std::map<std::string, int>;  // name to kind

/// With getdents64(2); -1 as a kind means that a name came twice.
Names list64(int directory, std::size_t room) {
  Names names;
  char buffer[4096];
  long length;
  while ((length = syscall(SYS_getdents64, directory, buffer, room)) > 0) {
    for (long offset = 0; offset < length;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + offset);
      const bool fresh = names.emplace(entry->d_name, entry->d_type).second;
      if (!fresh || entry->d_ino == 0) names[entry->d_name] = -1;
      offset += entry->d_reclen;
    }
  }
  if (length < 0) names["error"] = errno;
  return names;
}

#if defined(__x86_64__)  // newer ABIs have no other call
/// With the old call; `word`: bytes of its first two fields; by `int $0x80` if that is 4.
Names list_old(int directory, unsigned word) {
  Names names;
  void* room =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  auto* buffer = static_cast<char*>(room);
  for (;;) {
    long length = 0;
    if (word == 8) {
      length = syscall(SYS_getdents, directory, buffer, 80);
    } else {
      asm volatile("int $0x80"
                   : "=a"(length)
                   : "a"(141), "b"(directory), "c"(buffer), "d"(60)
                   : "memory");
    }
    if (length <= 0) return names;
    for (long offset = 0; offset < length;) {
      std::uint16_t size = 0;
      std::memcpy(&size, buffer + offset + 2 * word, 2);
      const bool fresh =
          names.emplace(buffer + offset + 2 * word + 2, buffer[offset + size - 1]).second;
      if (!fresh) names["twice"] = -1;
      offset += size;
    }
  }
}

/// readdir(2) of i386: one name a call.
Names list_single(int directory) {
  Names names;
  void* room =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  for (;;) {
    long result = 0;
    asm volatile("int $0x80"
                 : "=a"(result)
                 : "a"(89), "b"(directory), "c"(room), "d"(1)
                 : "memory");
    if (result != 1) return names;
    const char* name = static_cast<char*>(room) + 10;
    if (!names.emplace(name, 0).second) names["twice"] = -1;
  }
}
#endif

}  // namespace

int main() {
  for (const char* path : {"/", "/missing", "/missing/deep/er"}) {
    const int directory = open(path, O_RDONLY | O_DIRECTORY);
    const Names all = list64(directory, 4096);
    EXPECT(all.contains(".") && !all.contains("error"));
    for (const auto& [name, kind] : all) {
      struct stat status;
      EXPECT(fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0);
      EXPECT(kind == static_cast<int>((status.st_mode & S_IFMT) >> 12));
    }
    EXPECT(list64(directory, 4096).empty());  // at the end
    EXPECT(lseek(directory, 0, SEEK_SET) == 0 && list64(directory, 40) == all);
#if defined(__x86_64__)
    EXPECT(lseek(directory, 0, SEEK_SET) == 0 && list_old(directory, 8) == all);
    if (list_old(directory, 4).empty()) {
      EXPECT(lseek(directory, 0, SEEK_SET) == 0 && list_old(directory, 4) == all);
      EXPECT(lseek(directory, 0, SEEK_SET) == 0 && list_single(directory).size() == all.size());
    }
#endif
    EXPECT(close(directory) == 0);
  }
  const int root = open("/", O_RDONLY | O_DIRECTORY);
  const int missing = open("/missing", O_RDONLY | O_DIRECTORY);
  EXPECT(list64(root, 4096).at("missing") == DT_DIR);
  const Names below = list64(missing, 4096);
  EXPECT(below.size() == 5 && below.at("file") == DT_REG && below.at("dir") == DT_DIR);
}
