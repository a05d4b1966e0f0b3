// Calls on AF_UNIX sockets as i386 code makes them; for programs with and without a library.
#pragma once

/// Memory below 4 GiB for what the kernel reads and writes.
struct SocketcallMemory {
  unsigned block[6];
  struct {
    unsigned short family;
    char path[126];
  } address, from;
  unsigned length;
  struct {
    unsigned data, size;
  } part;
  struct {
    unsigned name, name_length, parts, part_count, control, control_length, flags, sent;
  } messages[2];
  char text[8];
  char directory[64];  ///< an absolute directory that may be written
};

/// `call(number, six arguments)`; 0 if all went well, else the number of the failed step.
template <typename Call>
int socketcall_steps(SocketcallMemory& memory, Call call) {
  constexpr int kSocket = 1, kBind = 2, kConnect = 3, kListen = 4, kAccept = 5, kGetsockname = 6;
  constexpr int kGetpeername = 7, kSendto = 11, kRecvfrom = 12, kSendmsg = 16, kRecvmsg = 17;
  constexpr int kRecvmmsg = 19, kSendmmsg = 20, kStream = 1, kDatagram = 2;
  constexpr int kNoEntry = -2, kBadAddress = -14, kInUse = -98, kRefused = -111;
  const auto at = [](const void* place) {
    return static_cast<unsigned>(reinterpret_cast<unsigned long>(place));
  };
  const auto socketcall = [&](int number, unsigned one, unsigned two, unsigned three,
                              unsigned four = 0, unsigned five = 0, unsigned six = 0) {
    const unsigned words[] = {one, two, three, four, five, six};
    for (int i = 0; i < 6; ++i)
      memory.block[i] = words[i];
    const int result = call(102, number, at(memory.block), 0, 0, 0, 0);
    for (int i = 0; i < 6; ++i) {
      if (memory.block[i] != words[i]) return -4000;  // the kernel never writes there
    }
    return result;
  };
  /// DIRECTORY/NAME into an address; its length.
  const auto fill = [&](const char* name) {
    memory.address.family = 1;
    unsigned length = 0;
    for (const char* c = memory.directory; *c != 0; ++c)
      memory.address.path[length++] = *c;
    memory.address.path[length++] = '/';
    for (; *name != 0; ++name)
      memory.address.path[length++] = *name;
    memory.address.path[length++] = 0;
    return length + 2;
  };
  const auto is_from = [&](const char* name, unsigned length) {
    if (fill(name) != length || memory.from.family != 1) return false;
    for (unsigned i = 0; i + 2 < length; ++i) {
      if (memory.from.path[i] != memory.address.path[i]) return false;
    }
    return true;
  };
  const auto ask = [&](int number, unsigned socket, const char* name) {
    memory.length = 110;
    const int result = socketcall(number, socket, at(&memory.from), at(&memory.length));
    return result >= 0 && is_from(name, memory.length) ? result : -1;
  };
  const auto address = at(&memory.address), from = at(&memory.from), text = at(memory.text);

  const auto server = static_cast<unsigned>(socketcall(kSocket, 1, kStream, 0));
  const auto client = static_cast<unsigned>(socketcall(kSocket, 1, kStream, 0));
  if (socketcall(kBind, server, address, fill("i386 server")) != 0) return 1;
  if (socketcall(kBind, client, address, fill("i386 server")) != kInUse) return 2;
  if (socketcall(kBind, client, address, fill("i386 client")) != 0) return 3;
  if (socketcall(kConnect, client, address, fill("i386 server")) != kRefused) return 4;
  if (socketcall(kListen, server, 1, 0) != 0) return 5;
  if (socketcall(kConnect, client, address, fill("absent")) != kNoEntry) return 6;
  if (socketcall(kConnect, client, address, fill("i386 server")) != 0) return 7;
  const int accepted = ask(kAccept, server, "i386 client");
  if (accepted < 0 || ask(kGetsockname, server, "i386 server") != 0) return 8;
  if (ask(kGetpeername, static_cast<unsigned>(accepted), "i386 client") != 0) return 9;
  if (call(102, kBind, 8, 0, 0, 0, 0) != kBadAddress) return 10;

  const auto receiver = static_cast<unsigned>(socketcall(kSocket, 1, kDatagram, 0));
  const auto sender = static_cast<unsigned>(socketcall(kSocket, 1, kDatagram, 0));
  if (socketcall(kBind, sender, address, fill("i386 sender")) != 0) return 11;
  if (socketcall(kBind, receiver, address, fill("i386 receiver")) != 0) return 12;
  if (socketcall(kSendto, sender, text, 4, 0, address, fill("i386 receiver")) != 4) return 13;
  memory.length = 110;
  if (socketcall(kRecvfrom, receiver, text, 8, 0, from, at(&memory.length)) != 4) return 14;
  if (!is_from("i386 sender", memory.length)) return 15;

  memory.part = {text, 4};
  const auto prepare = [&](unsigned name, unsigned length) {
    for (auto& message : memory.messages) {
      message = {name, length, at(&memory.part), 1, 0, 0, 0, 0};
    }
  };
  auto& message = memory.messages[0];
  prepare(address, fill("i386 receiver"));
  if (socketcall(kSendmsg, sender, at(&message), 0) != 4) return 16;
  if (socketcall(kSendmmsg, sender, at(&message), 2, 0) != 2 || message.sent != 4) return 17;
  if (message.name != address || memory.messages[1].sent != 4) return 18;
  prepare(from, 110);
  if (socketcall(kRecvmsg, receiver, at(&message), 0) != 4 || message.name != from) return 19;
  if (!is_from("i386 sender", message.name_length)) return 20;
  prepare(from, 110);
  if (socketcall(kRecvmmsg, receiver, at(&message), 2, 0x40, 0) != 2) return 21;
  if (message.name != from || !is_from("i386 sender", memory.messages[1].name_length)) return 22;

  // The calls of their own numbers.
  if (call(369, static_cast<int>(sender), static_cast<int>(text), 4, 0, static_cast<int>(address),
           static_cast<int>(fill("i386 receiver"))) != 4) {
    return 23;
  }
  memory.length = 110;
  if (call(371, static_cast<int>(receiver), static_cast<int>(text), 8, 0, static_cast<int>(from),
           static_cast<int>(at(&memory.length))) != 4) {
    return 24;
  }
  if (!is_from("i386 sender", memory.length)) return 25;

  // fanotify_mark(2): a mask in two registers stands before the path.
  const int group = call(338, 0x200, 0, 0, 0, 0, 0);
  if (group < 0) return 0;
  fill("absent");
  const auto path = static_cast<int>(at(memory.address.path));
  if (call(339, group, 1, 2, 0, -100, path) != kNoEntry) return 26;
  fill("i386 server");
  const int marked = call(339, group, 1, 2, 0, -100, path);
  return marked == kNoEntry || marked == kBadAddress ? 27 : 0;
}
