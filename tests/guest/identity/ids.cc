// set*id(2), groups, capabilities and the programs that change them.
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/guest/identity/table.h"
#include "tests/support/guest_test.h"

namespace {

void show_ids(const char* what) {
  uid_t user[3];
  gid_t group[3];
  getresuid(&user[0], &user[1], &user[2]);
  getresgid(&group[0], &group[1], &group[2]);
  char text[128];
  std::snprintf(text, sizeof text, "users %u %u %u, groups %u %u %u", user[0], user[1], user[2],
                group[0], group[1], group[2]);
  show(what, text);
}

void show_capabilities(const char* what) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) return show(what, outcome(-1));
  // A container's root may lack it.
  constexpr unsigned kShown = ~(1U << CAP_SYS_RESOURCE);
  for (__user_cap_data_struct& part : data) {
    part.effective &= kShown;
    part.permitted &= kShown;
  }
  char text[128];
  std::snprintf(text, sizeof text, "effective %x permitted %x inheritable %x", data[0].effective,
                data[0].permitted, data[0].inheritable);
  show(what, text);
}

void show_status() {
  std::string lines;
  const std::string text = contents("/proc/self/status");
  for (const char* name : {"\nUid:", "\nGid:", "\nGroups:"}) {
    const std::size_t at = text.find(name);
    if (at != text.npos) lines += text.substr(at + 1, text.find('\n', at + 1) - at - 1) + "; ";
  }
  show("status", lines);
}

void change_users() {
  apart([] {
    CALL(setuid(33));
    show_ids("after setuid");
    show_capabilities("after setuid");
    CALL(setuid(0));
    CALL(seteuid(0));
    CALL(setgid(5));
    CALL(setgroups(0, nullptr));
    CALL(setfsuid(0));
    CALL(setfsuid(-1));
  });
  apart([] {
    CALL(seteuid(33));
    show_ids("after seteuid");
    show_capabilities("after seteuid");
    CALL(setuid(5));
    CALL(seteuid(0));
    show_capabilities("root again");
    CALL(setreuid(7, 8));
    show_ids("after setreuid");
    CALL(setreuid(8, 7));
    show_ids("exchanged");
    CALL(setresuid(9, -1, -1));
  });
  apart([] {
    CALL(setresuid(1, 2, 3));
    CALL(setresuid(3, 1, 2));
    CALL(setresuid(-1, 4, -1));
    CALL(setuid(2));
    CALL(setuid(-1));
    show_ids("turned");
  });
  apart([] {
    CALL(setgid(33));
    show_ids("after setgid");
    CALL(setegid(5));
    CALL(setregid(6, 7));
    CALL(setresgid(1, 2, 3));
    show_ids("groups");
    show_capabilities("groups");
  });
  apart([] {
    CALL(setfsuid(33));
    CALL(setfsuid(-1));
    show_capabilities("after setfsuid");
    show_status();
  });
}

void change_groups() {
  apart([] {
    const gid_t groups[] = {9, 4, 7};
    gid_t got[3]{};
    CALL(setgroups(3, groups));
    CALL(getgroups(0, nullptr));
    CALL(getgroups(2, got));
    CALL(getgroups(3, got));
    show("groups", std::to_string(got[0]) + " " + std::to_string(got[1]));
    CALL(setgroups(1 << 20, groups));
    show_status();
  });
}

void change_capabilities() {
  apart([] {
    show_capabilities("root");
    CALL(prctl(PR_SET_KEEPCAPS, 1));
    CALL(setuid(33));
    show_capabilities("kept");
    CALL(prctl(PR_GET_KEEPCAPS));
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2]{};
    data[0].permitted = data[0].effective = 1 << CAP_CHOWN;
    CALL(syscall(SYS_capset, &header, data));
    show_capabilities("one");
    CALL(chown("/work", 33, 33));
    CALL(chown("/work", 0, 0));
    data[0].permitted = 3;
    CALL(syscall(SYS_capset, &header, data));
    CALL(setgid(4));
    header.version = 1;
    CALL(syscall(SYS_capget, &header, nullptr));
    CALL(header.version == _LINUX_CAPABILITY_VERSION_3);
  });
  apart([] {
    CALL(prctl(PR_CAPBSET_READ, CAP_CHOWN));
    CALL(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    CALL(prctl(PR_CAPBSET_READ, CAP_CHOWN));
    CALL(prctl(PR_CAPBSET_READ, 200));
    CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    CALL(prctl(PR_GET_SECUREBITS));
    CALL(prctl(PR_SET_SECUREBITS, 3));
    CALL(prctl(PR_SET_SECUREBITS, 0));
    CALL(prctl(PR_GET_SECUREBITS));
  });
}

void run(const char* program) {
  apart([program] {
    execl(program, program, "ids", nullptr);
    show(program, outcome(-1));
  });
}

/// A copy of this program with this owner and mode.
void copy_program(const char* path, uid_t user, gid_t group, mode_t mode) {
  make_file(path, contents("/proc/self/exe"), 0755);
  if (chown(path, user, group) != 0 || chmod(path, mode) != 0) show(path, "cannot be made");
}

void start_programs() {
  copy_program("set_user", 33, 34, 04755);
  copy_program("set_group", 33, 34, 02755);
  copy_program("set_both", 0, 0, 06755);
  copy_program("set_group_without_execution", 33, 34, 02745);
  copy_program("for_owner", 33, 34, 0700);
  copy_program("for_nobody", 0, 0, 0644);
  for (const char* path : {"./set_user", "./set_group", "./set_both",
                           "./set_group_without_execution", "./for_owner", "./for_nobody"}) {
    show("as root", path);
    run(path);
    show("as 50:51", path);
    as(50, 51, {}, [path] { run(path); });
    show("as 33:34", path);
    as(33, 34, {}, [path] { run(path); });
  }
  as(50, 51, {}, [] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    run("./set_both");
  });
}

void* see_own_user(void* seen) {
  *static_cast<long*>(seen) = syscall(SYS_setfsuid, -1);
  return nullptr;
}

/// On one processor a thread starts when its maker waits.
void stay_on_one_processor() {
  cpu_set_t all, one;
  CPU_ZERO(&one);
  sched_getaffinity(0, sizeof all, &all);
  for (int i = 0; CPU_COUNT(&one) == 0 && i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  }
  sched_setaffinity(0, sizeof one, &one);
}

/// A maker that is somebody else right after it has made a thread.
void threads_keep_users() {
  for (int i = 0; i < 10; ++i) {
    apart([] {
      stay_on_one_processor();
      long seen = -1;
      pthread_t thread;
      CALL(pthread_create(&thread, nullptr, see_own_user, &seen));
      CALL(syscall(SYS_setfsuid, 33));
      CALL(pthread_join(thread, nullptr));
      show("user of the thread", std::to_string(seen));
    });
  }
}

}  // namespace

void table_of_ids() {
  show_ids("at first");
  show_status();
  CALL(getauxval(AT_UID));
  CALL(getauxval(AT_EGID));
  CALL(getauxval(AT_SECURE));
  change_users();
  change_groups();
  change_capabilities();
  threads_keep_users();
  start_programs();
}
