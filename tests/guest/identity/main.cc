// What real root finds in a chroot, to be compared with what the fake one finds under nestp.
#include <cstring>
#include <fcntl.h>
#include <sys/xattr.h>

#include "tests/guest/identity/table.h"

namespace {

/// Started as a set-ID program: who it is then.
int tell_ids() {
  uid_t user[3];
  gid_t group[3];
  getresuid(&user[0], &user[1], &user[2]);
  getresgid(&group[0], &group[1], &group[2]);
  dprintf(1, "users %u %u %u, groups %u %u %u\n", user[0], user[1], user[2], group[0], group[1],
          group[2]);
  return 0;
}

/// Started anew: whose its own files in /proc are.
int tell_own_files() {
  show_own_files();
  return 0;
}

/// Of a file that is read-only here.
int change_by_descriptor(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  CALL(fchmod(file, 0600));
  CALL(fchown(file, 1, 1));
  CALL(fsetxattr(file, "trusted.a", "1", 1, 0));
  CALL(fremovexattr(file, "trusted.a"));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "ids") == 0) return tell_ids();
  if (argc > 1 && std::strcmp(argv[1], "own") == 0) return tell_own_files();
  if (argc > 2 && std::strcmp(argv[1], "change") == 0) return change_by_descriptor(argv[2]);
  umask(022);
  table_of_attributes_of_others();
  table_of_ids();
  table_of_owners();
  table_of_access();
  table_of_ways();
  table_of_new_files();
  table_of_listings();
  table_of_attributes();
  table_of_processes();
  table_of_sockets();
  table_of_own_files();
  return 0;
}
