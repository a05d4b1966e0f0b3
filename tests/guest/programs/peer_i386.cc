// An i386 program without a library that prints what sockets tell of their other end, all by
// socketcall(2): once as it was started, and once as user 50 with groups 51, 60 and 61.
//
// Nothing here knows what is right; identity.sh compares.

namespace {
int call(int number, int one = 0, int two = 0, int three = 0) {
  int result;
  asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(one), "c"(two), "d"(three) : "memory");
  return result;
}

template <typename T>
int at(T* object) {
  return static_cast<int>(reinterpret_cast<unsigned long>(object));
}

constexpr int kWrite = 4, kGetpid = 20, kSocketcall = 102;
constexpr int kSetgroups = 206, kSetresuid = 208, kSetresgid = 210;
constexpr int kUnix = 1, kStream = 1, kSocket = 1, kPassCredentials = 16, kPeerCredentials = 17;
constexpr int kPeerGroups = 59, kCredentials = 2;

int socketcall(int number, int one, int two, int three, int four = 0, int five = 0) {
  int words[] = {one, two, three, four, five};
  return call(kSocketcall, number, at(words));
}

void show(const char* what, int first, int second) {
  char text[80];
  int size = 0;
  const auto put_number = [&](int value) {
    if (value < 0) text[size++] = '-';
    unsigned rest = value < 0 ? 0U - static_cast<unsigned>(value) : static_cast<unsigned>(value);
    char digits[12];
    int count = 0;
    do {
      digits[count++] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    while (count > 0)
      text[size++] = digits[--count];
  };
  while (*what != 0)
    text[size++] = *what++;
  text[size++] = ' ';
  put_number(first);
  text[size++] = ' ';
  put_number(second);
  text[size++] = '\n';
  call(kWrite, 1, at(text), size);
}

int pair[2];
struct {
  int process, user, group;
} ids;
int groups[8];
char letter = 'x';
struct {
  int data, size;
} part;
struct {
  int size, level, type, process, user, group;
} control;
struct {
  int name, name_length, parts, part_count, control, control_length, flags, sent;
} message;

/// Sends with these ids and shows what the other end is told; by the calls for many messages if
/// `many`.
void send(int user, int group, bool many) {
  constexpr int kSendmsg = 16, kRecvmsg = 17, kRecvmmsg = 19, kSendmmsg = 20, kDontWait = 64;
  part = {at(&letter), 1};
  control = {sizeof control, kSocket, kCredentials, call(kGetpid), user, group};
  message = {0, 0, at(&part), 1, at(&control), sizeof control, 0, 0};
  const int sent = many ? socketcall(kSendmmsg, pair[0], at(&message), 1)
                        : socketcall(kSendmsg, pair[0], at(&message), 0);
  show("sent", sent, control.user);
  control = {};
  message = {0, 0, at(&part), 1, at(&control), sizeof control, 0, 0};
  if (many) {
    socketcall(kRecvmmsg, pair[1], at(&message), 1, kDontWait);
  } else {
    socketcall(kRecvmsg, pair[1], at(&message), kDontWait);
  }
  show("received", control.user, control.group);
}

void show_peer() {
  constexpr int kSocketpair = 8, kSetOption = 14, kGetOption = 15;
  socketcall(kSocketpair, kUnix, kStream, 0, at(pair));
  int size = sizeof ids;
  const int asked = socketcall(kGetOption, pair[0], kSocket, kPeerCredentials, at(&ids), at(&size));
  show("asked", asked, size);
  show("peer", ids.user, ids.group);
  show("is me", ids.process == call(kGetpid), 1);
  size = 4;
  const int few = socketcall(kGetOption, pair[0], kSocket, kPeerGroups, at(groups), at(&size));
  show("few groups", few, size);
  size = sizeof groups;
  const int all = socketcall(kGetOption, pair[0], kSocket, kPeerGroups, at(groups), at(&size));
  show("groups", all, size);
  for (int i = 0; i < size / 4 && i < 8; ++i)
    show("group", i, groups[i]);
  int on = 1;
  socketcall(kSetOption, pair[1], kSocket, kPassCredentials, at(&on), sizeof on);
  send(ids.user, ids.group, false);
  send(ids.user, ids.group, true);
  if (ids.user == 0) return;  // may lie
  send(12, ids.group, false);
  send(12, ids.group, true);
}
}  // namespace

extern "C" [[noreturn]] void begin() {
  constexpr int kExit = 1;
  show_peer();
  int own[] = {61, 60, 51};
  call(kSetgroups, 3, at(own));
  call(kSetresgid, 51, 51, 51);
  call(kSetresuid, 50, 50, 50);
  show_peer();
  call(kExit, 0);
  __builtin_unreachable();
}

asm(".globl _start\n_start: and $-16, %esp\n call begin\n");
