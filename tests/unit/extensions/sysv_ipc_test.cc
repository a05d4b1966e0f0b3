#include "extensions/sysv_ipc/sysv_ipc.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <catch2/catch.hpp>

#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

constexpr std::uint64_t kBuffer = FakeMemory::kStart;

/// Guests that make calls: each process has one thread, of the same number.
struct Guests {
  FakeMemory memory{4096};
  SysvIpc ipc{{.user = 7, .group = 8}, true};

  Call make(Sys sys, std::array<std::uint64_t, 6> args, pid_t process = 1) {
    Call call = make_call(sys, memory, args, process);
    call.process = process;
    return call;
  }
  std::int64_t answer(Sys sys, std::array<std::uint64_t, 6> args, pid_t process = 1) {
    Call call = make(sys, args, process);
    return ipc.on_entry(call) == Entry::answered ? call.result : -1000;
  }
  /// True: the call waits by another one.
  bool waits(Sys sys, std::array<std::uint64_t, 6> args, pid_t process = 1) {
    Call call = make(sys, args, process);
    if (ipc.on_entry(call) != Entry::untranslated) return false;
    CHECK(call.sys == Sys::ppoll);
    call.result = 0;
    ipc.on_exit(call);
    CHECK(call.repeats);
    return true;
  }
  template <typename T>
  T object() const {
    T value{};
    std::memcpy(&value, memory.bytes.data(), sizeof value);
    return value;
  }
  template <typename T>
  void put(const T& value, std::size_t at = 0) {
    std::memcpy(memory.bytes.data() + at, &value, sizeof value);
  }
};

TEST_CASE("objects are found by key and id", "[extensions][sysv_ipc]") {
  Guests guests;
  CHECK(guests.answer(Sys::shmget, {5, 100, 0600}) == -ENOENT);
  const std::int64_t id = guests.answer(Sys::shmget, {5, 100, IPC_CREAT | 0640});
  REQUIRE(id >= 0);
  CHECK(guests.answer(Sys::shmget, {5, 100, 0}, 2) == id);
  CHECK(guests.answer(Sys::shmget, {5, 100, IPC_CREAT | IPC_EXCL}) == -EEXIST);
  CHECK(guests.answer(Sys::shmget, {5, 101, 0}) == -EINVAL);
  CHECK(guests.answer(Sys::shmget, {IPC_PRIVATE, 100, 0}) != id);
  REQUIRE(guests.answer(Sys::shmctl, {static_cast<std::uint64_t>(id), IPC_STAT, kBuffer}) == 0);
  const auto status = guests.object<shmid_ds>();
  CHECK((status.shm_segsz == 100 && status.shm_cpid == 1 && status.shm_nattch == 0));
  CHECK((status.shm_perm.uid == 7 && status.shm_perm.gid == 8 && status.shm_perm.mode == 0640));
  CHECK(guests.answer(Sys::shmctl, {static_cast<std::uint64_t>(id), IPC_STAT, 0}) == -EFAULT);
  CHECK(guests.answer(Sys::shmctl, {static_cast<std::uint64_t>(id), IPC_RMID, 0}) == 0);
  CHECK(guests.answer(Sys::shmctl, {static_cast<std::uint64_t>(id), IPC_STAT, kBuffer}) == -EINVAL);
}

TEST_CASE("a segment is attached by three calls", "[extensions][sysv_ipc]") {
  Guests guests;
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::shmget, {IPC_PRIVATE, 5000, 0600}));
  const auto step = [&](std::int64_t result) {
    Call call = guests.make(Sys::shmat, {id, 0, 0});
    CHECK(guests.ipc.on_entry(call) == Entry::untranslated);
    const Sys sys = call.sys;
    const auto args = call.args;
    call.result = result;
    guests.ipc.on_exit(call);
    return std::tuple(sys, args, call.repeats, call.result);
  };
  const auto [opens, path, more, descriptor] = step(9);
  CHECK((opens == Sys::openat && more));
  CHECK(guests.memory.text(path[1] - kBuffer).starts_with("/proc/"));
  const auto [maps, how, still_more, address] = step(0x7000);
  CHECK((maps == Sys::mmap && still_more));
  CHECK((how[1] == 8192 && how[3] == MAP_SHARED && how[4] == 9));
  const auto [closes, what, no_more, result] = step(0);
  CHECK((closes == Sys::close && what[0] == 9 && !no_more && result == 0x7000));

  const auto attached = [&] {
    CHECK(guests.answer(Sys::shmctl, {id, IPC_STAT, kBuffer}) == 0);
    return guests.object<shmid_ds>().shm_nattch;
  };
  CHECK(attached() == 1);
  CHECK(guests.answer(Sys::shmdt, {0x8000}) == -EINVAL);
  CHECK(guests.answer(Sys::shmdt, {0x7000}, 2) == -EINVAL);
  Call detach = guests.make(Sys::shmdt, {0x7000});
  CHECK(guests.ipc.on_entry(detach) == Entry::untranslated);
  CHECK((detach.sys == Sys::munmap && detach.args[0] == 0x7000 && detach.args[1] == 8192));
  detach.result = 0;
  guests.ipc.on_exit(detach);
  CHECK(attached() == 0);
}

TEST_CASE("what cannot be attached", "[extensions][sysv_ipc]") {
  Guests guests;
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::shmget, {IPC_PRIVATE, 1, 0600}));
  CHECK(guests.answer(Sys::shmat, {id + 1, 0, 0}) == -EINVAL);
  CHECK(guests.answer(Sys::shmat, {id, 0x1001, 0}) == -EINVAL);
  CHECK(guests.answer(Sys::shmat, {id, 0, SHM_REMAP}) == -EINVAL);
  Call call = guests.make(Sys::shmat, {id, 0, 0});
  CHECK(guests.ipc.on_entry(call) == Entry::untranslated);
  call.result = -EMFILE;
  guests.ipc.on_exit(call);
  CHECK((!call.repeats && call.result == -EMFILE));
}

TEST_CASE("operations on semaphores are all or nothing", "[extensions][sysv_ipc]") {
  Guests guests;
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::semget, {IPC_PRIVATE, 2, 0600}));
  CHECK(guests.answer(Sys::semctl, {id, 0, SETVAL, 3}) == 0);
  guests.put(sembuf{0, -3, 0});
  guests.put(sembuf{1, -1, IPC_NOWAIT}, sizeof(sembuf));
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 2}) == -EAGAIN);
  CHECK(guests.answer(Sys::semctl, {id, 0, GETVAL}) == 3);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 1}) == 0);
  CHECK(guests.answer(Sys::semctl, {id, 0, GETVAL}) == 0);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 0}) == -EINVAL);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 501}) == -E2BIG);
  CHECK(guests.answer(Sys::semop, {id, 0, 1}) == -EFAULT);
}

TEST_CASE("who waits for a semaphore goes on when it rises", "[extensions][sysv_ipc]") {
  Guests guests;
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::semget, {IPC_PRIVATE, 1, 0600}));
  guests.put(sembuf{0, -1, 0});
  guests.put(sembuf{0, 1, 0}, 64);
  CHECK(guests.waits(Sys::semop, {id, kBuffer, 1}, 2));
  CHECK(guests.waits(Sys::semop, {id, kBuffer, 1}, 2));
  CHECK(guests.answer(Sys::semctl, {id, 0, GETNCNT}) == 1);
  CHECK(guests.answer(Sys::semop, {id, kBuffer + 64, 1}) == 0);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 1}, 2) == 0);
  CHECK(guests.answer(Sys::semctl, {id, 0, GETNCNT}) == 0);
  CHECK(guests.waits(Sys::semop, {id, kBuffer, 1}, 2));
  CHECK(guests.answer(Sys::semctl, {id, 0, IPC_RMID}) == 0);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 1}, 2) == -EIDRM);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 1}, 2) == -EINVAL);
}

TEST_CASE("a time limit of the past is no waiting", "[extensions][sysv_ipc]") {
  Guests guests;
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::semget, {IPC_PRIVATE, 1, 0600}));
  guests.put(sembuf{0, -1, 0});
  guests.put(timespec{0, 0}, 64);
  CHECK(guests.answer(Sys::semtimedop, {id, kBuffer, 1, kBuffer + 64}) == -EAGAIN);
  guests.put(timespec{0, -1}, 64);
  CHECK(guests.answer(Sys::semtimedop, {id, kBuffer, 1, kBuffer + 64}) == -EINVAL);
}

TEST_CASE("what a process took comes back when it ends", "[extensions][sysv_ipc]") {
  Guests guests;
  constexpr pid_t kGone = 4'194'305;  // no process: larger than any
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::semget, {IPC_PRIVATE, 1, 0600}));
  CHECK(guests.answer(Sys::semctl, {id, 0, SETVAL, 3}) == 0);
  guests.put(sembuf{0, -2, SEM_UNDO});
  guests.ipc.on_thread_start(kGone, 0);
  CHECK(guests.answer(Sys::semop, {id, kBuffer, 1}, kGone) == 0);
  CHECK(guests.answer(Sys::semctl, {id, 0, GETVAL}) == 1);
  guests.ipc.on_thread_end(kGone);
  CHECK(guests.answer(Sys::semctl, {id, 0, GETVAL}) == 3);
}

TEST_CASE("messages by their types", "[extensions][sysv_ipc]") {
  Guests guests;
  const auto id = static_cast<std::uint64_t>(guests.answer(Sys::msgget, {IPC_PRIVATE, 0600}));
  const auto send = [&](std::int64_t type, const std::string& text) {
    guests.put(type);
    guests.memory.put(8, text);
    return guests.answer(Sys::msgsnd, {id, kBuffer, text.size(), IPC_NOWAIT});
  };
  const auto receive = [&](std::int64_t type, int flags = IPC_NOWAIT) {
    const std::int64_t size = guests.answer(
        Sys::msgrcv,
        {id, kBuffer, 100, static_cast<std::uint64_t>(type), static_cast<std::uint64_t>(flags)});
    return size < 0 ? std::to_string(size)
                    : guests.memory.bytes.substr(8, static_cast<std::size_t>(size));
  };
  for (const auto& [type, text] : {std::pair(3, "c"), std::pair(1, "a"), std::pair(2, "b")})
    CHECK(send(type, text) == 0);
  CHECK(receive(-2) == "a");
  CHECK(receive(3, IPC_NOWAIT | 020000) == "b");
  CHECK(receive(7) == std::to_string(-ENOMSG));
  CHECK(receive(std::numeric_limits<std::int64_t>::min()) == "c");
  CHECK(receive(0) == std::to_string(-ENOMSG));
  CHECK(send(0, "x") == -EINVAL);
  CHECK(guests.answer(Sys::msgsnd, {id, kBuffer, 8193, 0}) == -EINVAL);
  CHECK(guests.waits(Sys::msgrcv, {id, kBuffer, 100, 0, 0}, 2));
  guests.put(std::int64_t{5});
  CHECK(guests.answer(Sys::msgsnd, {id, kBuffer, 1, 0}) == 0);
  CHECK(guests.answer(Sys::msgrcv, {id, kBuffer, 100, 0, 0}, 2) == 1);
}

TEST_CASE("programs of 32 bits have what the kernel has", "[extensions][sysv_ipc]") {
  Guests guests;
  Call call = make_call(Sys::shmget, guests.memory, {IPC_PRIVATE, 100, 0600}, 1, kAbiX86);
  CHECK(guests.ipc.on_entry(call) == Entry::proceed);
}

}  // namespace
}  // namespace nestp
