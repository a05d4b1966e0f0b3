// chown(2) and chmod(2): who may, and what becomes of set-ID bits.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/guest/identity/table.h"

namespace {

void change_owners() {
  put("f", 0, 0, 0644);
  CALL(chown("f", 33, 34));
  show_owner("f");
  CALL(chown("f", -1, 35));
  show_owner("f");
  CALL(chown("f", 36, -1));
  show_owner("f");
  CALL(symlink("f", "l"));
  CALL(lchown("l", 5, 6));
  show_owner("l");
  CALL(chown("l", 7, 8));
  show_owner("l");
  show_owner("f");
  CALL(fchownat(AT_FDCWD, "l", 9, 10, AT_SYMLINK_NOFOLLOW));
  show_owner("l");
  CALL(fchownat(AT_FDCWD, "l", 9, 10, 0x40000000));
  const int file = open("f", O_RDONLY | O_CLOEXEC);
  CALL(fchown(file, 11, 12));
  CALL(fchownat(file, "", 13, 14, AT_EMPTY_PATH));
  CALL(fchmod(file, 0600));
  struct stat status {};
  CALL(fstat(file, &status));
  CALL(status.st_uid);
  CALL(status.st_mode);
  close(file);
  CALL(fchown(file, 1, 1));
  CALL(chown("missing", 1, 1));
  CALL(chown("f/x", 1, 1));
  CALL(chown("", 1, 1));
  CALL(link("f", "hard"));
  CALL(chown("hard", 21, 22));
  show_owner("f");
  CALL(rename("f", "g"));
  show_owner("g");
  CALL(unlink("g"));
  put("g", 0, 0, 0600);
  show_owner("g");
  show_owner("hard");
}

void set_id_bits() {
  put("s", 33, 34, 06755);
  show_owner("s");
  CALL(chown("s", 35, -1));
  show_owner("s");
  put("s", 33, 34, 02745);
  CALL(chown("s", -1, 35));
  show_owner("s");
  put("s", 33, 34, 06755);
  CALL(chown("s", -1, -1));
  show_owner("s");
  put("s", 33, 34, 06777);
  as(50, 51, {}, [] {
    const int file = open("s", O_WRONLY | O_CLOEXEC);
    CALL(write(file, "x", 1));
    close(file);
  });
  show_owner("s");
  put("s", 33, 34, 06777);
  CALL(truncate("s", 0));
  show_owner("s");
  as(50, 51, {}, [] { CALL(truncate("s", 1)); });
  show_owner("s");
  put_directory("sd", 33, 34, 06755);
  CALL(chown("sd", 35, 36));
  show_owner("sd");
}

void as_others() {
  put("mine", 50, 51, 0644);
  put("yours", 60, 61, 0644);
  as(50, 51, {52}, [] {
    CALL(chmod("mine", 0600));
    CALL(chmod("mine", 04755));
    show_owner("mine");
    CALL(chown("mine", 50, 51));
    show_owner("mine");
    CALL(chown("mine", -1, 52));
    CALL(chown("mine", -1, 53));
    CALL(chown("mine", 60, -1));
    CALL(chmod("mine", 02755));
    show_owner("mine");
    CALL(chmod("yours", 0600));
    CALL(chown("yours", 60, 61));
    CALL(chown("yours", -1, -1));
  });
  CALL(chown("mine", -1, 70));
  as(50, 51, {52}, [] {
    CALL(chmod("mine", 02755));
    show_owner("mine");
  });
}

void modes() {
  put("m", 0, 0, 0644);
  for (const mode_t mode : {0U, 0111U, 0444U, 0200U, 07777U, 01644U}) {
    CALL(chmod("m", mode));
    show_owner("m");
  }
  CALL(chmod("l", 0600));
  CALL(syscall(SYS_fchmodat, AT_FDCWD, "m", 0640));
  show_owner("m");
  CALL(chmod("missing", 0600));
  CALL(chmod("m", 0));
  OPEN(open("m", O_RDWR | O_CLOEXEC));
  put_directory("closed", 0, 0, 0);
  put("closed/inside", 0, 0, 0600);
  OPEN(open("closed/inside", O_RDONLY | O_CLOEXEC));
  CALL(mkdir("closed/d", 0));
  CALL(rename("closed/inside", "closed/other"));
  show_owner("closed");
  show_owner("closed/d");
  CALL(unlink("closed/other"));
  CALL(rmdir("closed/d"));
  CALL(rmdir("closed"));
}

/// A descriptor that only names a file (O_PATH) changes nothing, and neither does a closed one.
void change_by_descriptors() {
  put("f", 0, 0, 0644);
  const auto tries = [](int file) {
    char value[8];
    CALL(fchmod(file, 0600));
    CALL(fchown(file, 21, 22));
    CALL(fsetxattr(file, "user.a", "1", 1, 0));
    CALL(fsetxattr(file, "trusted.a", "1", 1, 0));
    CALL(fgetxattr(file, "user.a", value, sizeof value));
    CALL(fgetxattr(file, "trusted.a", value, sizeof value));
    CALL(flistxattr(file, nullptr, 0));
    CALL(fremovexattr(file, "user.a"));
    CALL(fremovexattr(file, "trusted.a"));
    show_owner("f");
  };
  for (const int flags : {O_RDONLY, O_WRONLY, O_ACCMODE, O_PATH}) {
    show("descriptor of flags", std::to_string(flags));
    const int file = open("f", flags | O_CLOEXEC);
    tries(file);
    CALL(fchownat(file, "", 23, 24, AT_EMPTY_PATH));
    close(file);
    show("descriptor", "closed");
    tries(file);
  }
  unlink("f");
}

}  // namespace

void table_of_owners() {
  change_owners();
  set_id_bits();
  as_others();
  modes();
  change_by_descriptors();
}
