#include "tests/differential/storm_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include "tests/differential/storm_random.h"

namespace {

constexpr const char* kWritable[] = {"/work", "/work/mounted", "/bind/dir", "/bind/dir/nested"};

void make_file(const std::string& path, const std::string& text, mode_t mode) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, text.data(), text.size()) < 0) return;
  fchmod(file, mode);
  close(file);
}

std::string read_file(const std::string& path) {
  std::string text;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  char part[65536];
  for (ssize_t got; file >= 0 && (got = read(file, part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(got));
  }
  if (file >= 0) close(file);
  return text;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  dirent** entries = nullptr;
  const int count = scandir(directory.c_str(), &entries, nullptr, alphasort);
  for (int index = 0; index < count; ++index) {
    const std::string name = entries[index]->d_name;
    if (name != "." && name != "..") names.push_back(name);
    free(entries[index]);
  }
  free(entries);
  return names;
}

/// Links to every place and chains of up to 43 links: what long lookups are made of.
void build_links() {
  mkdir("/work/farm", 0755);
  mkdir("/work/chain", 0755);
  int number = 0;
  for (const std::string_view place : kPlaces) {
    symlink(std::string(place).c_str(), ("/work/farm/" + std::to_string(number++)).c_str());
  }
  for (const char* target : {"/bind/dir/nested/..", "../../bind/again", "/work/farm/2/link",
                             "/bind/file", "11", "/proc/self/cwd"}) {
    symlink(target, ("/work/farm/" + std::to_string(number++)).c_str());
  }
  symlink("/bind/dir", "/work/chain/0");
  for (int link = 1; link <= 43; ++link) {
    symlink(std::to_string(link - 1).c_str(), ("/work/chain/" + std::to_string(link)).c_str());
  }
}

void remove_below(const std::string& directory) {
  chmod(directory.c_str(), 0755);
  for (const std::string& name : names_in(directory)) {
    const std::string path = directory + "/" + name;
    struct stat status;
    if (lstat(path.c_str(), &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      remove_below(path);
      rmdir(path.c_str());
    } else {
      unlink(path.c_str());
    }
  }
}

void print_owner(const struct stat& status) {
  std::printf(" %u:%u", status.st_uid, status.st_gid);
  if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) return;
  std::printf(" device %u,%u", major(status.st_rdev), minor(status.st_rdev));
}

/// By name; without the labels that a host may give to all files.
void print_attributes(const std::string& path) {
  char names[1024], value[256];
  const ssize_t size = llistxattr(path.c_str(), names, sizeof names);
  std::vector<std::string> all;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(all.back().size()) + 1)
    all.emplace_back(names + at);
  std::sort(all.begin(), all.end());
  for (const std::string& name : all) {
    if (name == "security.selinux") continue;
    const ssize_t length = lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
    std::printf(" %s=%.*s", name.c_str(), static_cast<int>(length > 0 ? length : 0), value);
  }
}

void print_below(const std::string& directory, Owners owners) {
  for (const std::string& name : names_in(directory)) {
    const std::string path = directory + "/" + name;
    struct stat status;
    if (lstat(path.c_str(), &status) != 0) {
      std::printf("  %s %s\n", path.c_str(), strerrorname_np(errno));
      continue;
    }
    std::printf("  %s %o", path.c_str(), status.st_mode);
    if (owners == Owners::shown) {
      print_owner(status);
      print_attributes(path);
    }
    if (S_ISREG(status.st_mode)) {
      const std::string text = read_file(path);
      std::printf(" links %lu size %ld %.24s", static_cast<unsigned long>(status.st_nlink),
                  static_cast<long>(status.st_size),
                  text.starts_with("\177ELF") ? "ELF" : text.c_str());
    }
    char target[4096];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length >= 0) std::printf(" -> %.*s", static_cast<int>(length), target);
    std::printf("\n");
    if (S_ISDIR(status.st_mode)) print_below(path, owners);
  }
}

}  // namespace

void build_trees() {
  const std::string program = read_file("/programs/print_static");
  for (const std::string place : kWritable) {
    for (const char* name : {"a", "a/b", "b", "c", "a/b/c"})
      mkdir((place + "/" + name).c_str(), 0755);
    make_file(place + "/file", "in " + place + "\n", 0644);
    make_file(place + "/a/file", "in a of " + place + "\n", 0640);
    make_file(place + "/script", "#!/work/program with words\n", 0755);
    make_file(place + "/a/script", "#!program\n", 0755);
    symlink("a/b", (place + "/d").c_str());
    symlink("/work/../bind/dir/file", (place + "/link").c_str());
    symlink("../../b/../file", (place + "/a/b/link").c_str());
  }
  make_file("/work/program", program, 0755);
  make_file("/bind/dir/program", program, 0755);
  symlink("/work/program", "/bind/dir/nested/program");
  symlink("../program", "/work/a/program");
  build_links();
}

void remove_trees() {
  for (const char* place : kWritable)
    remove_below(place);
}

void print_trees(Owners owners) {
  for (const char* place : {"/work", "/bind"})
    print_below(place, owners);
}
