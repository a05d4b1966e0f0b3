// System V shared memory, semaphores and messages, between processes.
// Also run under nestp --sysvipc, where they are not the kernel's.
#include <csignal>
#include <ctime>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "tests/support/guest_test.h"

namespace {

constexpr std::size_t kPage = 4096;

int attached(int id) {
  shmid_ds status{};
  return shmctl(id, IPC_STAT, &status) == 0 ? static_cast<int>(status.shm_nattch) : -1;
}

int check_memory() {
  const key_t key = 0x6e650000 | (getpid() & 0xffff);
  const int id = shmget(key, kPage + 1, IPC_CREAT | IPC_EXCL | 0600);
  if (id == -1 && errno == ENOSYS) SKIP("this kernel has no System V IPC");
  EXPECT(id >= 0);
  EXPECT_ERRNO(shmget(key ^ 0x01000000, 100, 0600), ENOENT);
  EXPECT_ERRNO(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
  EXPECT_ERRNO(shmget(key, 3 * kPage, 0600), EINVAL);
  EXPECT_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
  EXPECT(shmget(key, 100, 0600) == id);
  shmid_ds status{};
  EXPECT(shmctl(id, IPC_STAT, &status) == 0 && status.shm_segsz == kPage + 1);
  EXPECT(status.shm_cpid == getpid() && status.shm_nattch == 0 && status.shm_perm.__key == key);
  EXPECT((status.shm_perm.mode & 0777) == 0600 && status.shm_perm.uid == geteuid());

  auto* const text = static_cast<volatile char*>(shmat(id, nullptr, 0));
  EXPECT(text != reinterpret_cast<volatile char*>(-1));
  EXPECT(text[0] == 0 && text[kPage] == 0);
  auto* const again = static_cast<volatile char*>(shmat(id, nullptr, SHM_RDONLY));
  EXPECT(again != text && attached(id) == 2);
  const int status_of_child = in_child([&] {
    EXPECT(attached(id) == 4);
    text[kPage] = 'x';
    auto* const third = static_cast<char*>(shmat(id, nullptr, 0));
    EXPECT(third[kPage] == 'x' && attached(id) == 5);
    return 0;
  });
  EXPECT(exited_with(status_of_child, 0));
  EXPECT(again[kPage] == 'x' && attached(id) == 2);
  EXPECT(WIFSIGNALED(in_child([&] {
    again[0] = 'y';
    return 0;
  })));
  EXPECT_ERRNO(shmdt(const_cast<const char*>(text) + kPage), EINVAL);
  EXPECT(shmdt(const_cast<const char*>(again)) == 0 && attached(id) == 1);
  EXPECT_ERRNO(shmdt(const_cast<const char*>(again)), EINVAL);
  // At a place of one's own, which is free by now.
  char* const place = const_cast<char*>(again);
  EXPECT(shmat(id, place + 5, SHM_RND) == place && shmdt(place) == 0);
  EXPECT(shmat(id, place + 5, 0) == reinterpret_cast<void*>(-1) && errno == EINVAL);
  EXPECT(shmat(id, const_cast<char*>(text), 0) == reinterpret_cast<void*>(-1) && errno == EINVAL);

  EXPECT(shmctl(id, IPC_RMID, nullptr) == 0);
  EXPECT(attached(id) == 1);  // goes with its last user
  EXPECT_ERRNO(shmget(key, 100, 0600), ENOENT);
  text[0] = 'z';
  EXPECT(shmdt(const_cast<const char*>(text)) == 0 && attached(id) == -1 && errno == EINVAL);
  EXPECT(shmat(id, nullptr, 0) == reinterpret_cast<void*>(-1) && errno == EINVAL);
  return 0;
}

int operate(int id, short number, short by, short flags = 0) {
  sembuf operation{static_cast<unsigned short>(number), by, flags};
  return semop(id, &operation, 1);
}

/// Once the child waits for semaphore 0 to rise.
bool waits(int id) {
  for (int i = 0; i < 1000; ++i) {
    if (semctl(id, 0, GETNCNT) == 1) return true;
    usleep(1000);
  }
  return false;
}

int check_semaphores() {
  const int id = semget(IPC_PRIVATE, 3, 0600);
  EXPECT(id >= 0);
  EXPECT_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
  EXPECT(semctl(id, 1, SETVAL, 5) == 0 && semctl(id, 1, GETVAL) == 5);
  EXPECT(semctl(id, 1, GETPID) == getpid());
  EXPECT_ERRNO(semctl(id, 3, GETVAL), EINVAL);
  EXPECT_ERRNO(semctl(id, 1, SETVAL, 40000), ERANGE);
  unsigned short values[] = {0, 2, 7};
  EXPECT(semctl(id, 0, SETALL, values) == 0 && semctl(id, 2, GETVAL) == 7);
  values[2] = 0;
  EXPECT(semctl(id, 0, GETALL, values) == 0 && values[1] == 2 && values[2] == 7);
  semid_ds status{};
  EXPECT(semctl(id, 0, IPC_STAT, &status) == 0 && status.sem_nsems == 3);

  EXPECT_ERRNO(operate(id, 0, -1, IPC_NOWAIT), EAGAIN);
  EXPECT_ERRNO(operate(id, 9, 1), EFBIG);
  EXPECT_ERRNO(operate(id, 2, 32767), ERANGE);
  sembuf both[] = {{1, -2, 0}, {0, -1, IPC_NOWAIT}};
  EXPECT_ERRNO(semop(id, both, 2), EAGAIN);
  EXPECT(semctl(id, 1, GETVAL) == 2);  // all or nothing
  sembuf one{0, -1, 0};
  const timespec soon{0, 20'000'000};
  EXPECT_ERRNO(semtimedop(id, &one, 1, &soon), EAGAIN);

  // A child that waits, until the value rises; what it took comes back when it ends.
  const pid_t child = fork();
  if (child == 0) _exit(operate(id, 0, -1, SEM_UNDO) == 0 && operate(id, 1, 0) == 0 ? 0 : 1);
  EXPECT(waits(id));
  EXPECT(operate(id, 0, 1) == 0);
  for (int i = 0; i < 1000 && semctl(id, 1, GETZCNT) == 0; ++i)
    usleep(1000);
  EXPECT(semctl(id, 0, GETVAL) == 0 && semctl(id, 1, GETZCNT) == 1);
  EXPECT(operate(id, 1, -2) == 0);
  int ended = 0;
  EXPECT(waitpid(child, &ended, 0) == child && exited_with(ended, 0));
  EXPECT(semctl(id, 0, GETVAL) == 1 && operate(id, 0, -1) == 0);

  // A handler ends the waiting, whatever it was installed with.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  ualarm(30'000, 0);
  EXPECT_ERRNO(operate(id, 0, -1), EINTR);

  const pid_t other = fork();
  if (other == 0) _exit(operate(id, 0, -1) == -1 && errno == EIDRM ? 0 : 1);
  EXPECT(waits(id));
  EXPECT(semctl(id, 0, IPC_RMID) == 0);
  EXPECT(waitpid(other, &ended, 0) == other && exited_with(ended, 0));
  EXPECT_ERRNO(operate(id, 0, 1), EINVAL);
  return 0;
}

struct Message {
  long type;
  char text[64];
};

bool send(int id, long type, const char* text, int flags = 0) {
  Message message{type, {}};
  std::strcpy(message.text, text);
  return msgsnd(id, &message, std::strlen(text), flags) == 0;
}

std::string receive(int id, long type, int flags = IPC_NOWAIT, std::size_t room = 64) {
  Message message{};
  const ssize_t size = msgrcv(id, &message, room, type, flags);
  if (size < 0) return "errno " + std::to_string(errno);
  return std::to_string(message.type) + std::string(message.text, static_cast<std::size_t>(size));
}

int check_messages() {
  const int id = msgget(IPC_PRIVATE, 0600);
  EXPECT(id >= 0);
  EXPECT_ERRNO(msgget(0x6e65ffff, 0600), ENOENT);
  EXPECT(send(id, 3, "three") && send(id, 1, "one") && send(id, 2, "two") && send(id, 3, "last"));
  msqid_ds status{};
  EXPECT(msgctl(id, IPC_STAT, &status) == 0 && status.msg_qnum == 4 &&
         status.msg_lspid == getpid());
  EXPECT(receive(id, 2) == "2two");
  EXPECT(receive(id, -2) == "1one");
  EXPECT(receive(id, 3, IPC_NOWAIT | MSG_EXCEPT) == "errno " + std::to_string(ENOMSG));
  EXPECT(receive(id, 0, IPC_NOWAIT, 2) == "errno " + std::to_string(E2BIG));
  EXPECT(receive(id, 0, IPC_NOWAIT | MSG_NOERROR, 2) == "3th");
  EXPECT(receive(id, 0) == "3last");
  EXPECT(receive(id, 0) == "errno " + std::to_string(ENOMSG));
  EXPECT(!send(id, 0, "none") && errno == EINVAL);

  const pid_t child = fork();
  if (child == 0) _exit(receive(id, 7, 0) == "7late" ? 0 : 1);
  usleep(20'000);
  int ended = 0;
  EXPECT(send(id, 8, "other") && send(id, 7, "late"));
  EXPECT(waitpid(child, &ended, 0) == child && exited_with(ended, 0));
  EXPECT(receive(id, 0) == "8other");

  // A full queue blocks until somebody takes something.
  status = {};
  EXPECT(msgctl(id, IPC_STAT, &status) == 0);
  status.msg_qbytes = 64;
  EXPECT(msgctl(id, IPC_SET, &status) == 0);
  EXPECT(send(id, 1, "123456789 123456789 123456789 123456789 123456789 1234567890"));
  EXPECT(!send(id, 1, "12345", IPC_NOWAIT) && errno == EAGAIN);
  const pid_t sender = fork();
  if (sender == 0) _exit(send(id, 2, "12345") ? 0 : 1);
  usleep(20'000);
  EXPECT(receive(id, 1).size() == 61);
  EXPECT(waitpid(sender, &ended, 0) == sender && exited_with(ended, 0));
  EXPECT(receive(id, 0) == "212345");
  EXPECT(msgctl(id, IPC_RMID, nullptr) == 0);
  EXPECT(receive(id, 0) == "errno " + std::to_string(EINVAL));
  return 0;
}

}  // namespace

int main() {
  for (const auto check : {check_memory, check_semaphores, check_messages}) {
    if (const int result = check(); result != 0) return result;
  }
  return 0;
}
