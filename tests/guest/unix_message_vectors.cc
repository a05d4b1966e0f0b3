// sendmmsg(2) and recvmmsg(2) with many names; counts and the guest's vector come out as natively.
#include <vector>

#include "tests/support/unix_socket.h"

namespace {
constexpr unsigned kMany = 1500;  // above UIO_MAXIOV
}

int main() {
  const std::string here = working_directory();
  const int receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
  EXPECT(bind_to(receiver, here + "/receiver") == 0);
  std::vector<int> senders;
  for (int i = 0; i < 4; ++i) {
    senders.push_back(socket(AF_UNIX, SOCK_DGRAM, 0));
    EXPECT(bind_to(senders.back(), here + "/" + std::to_string(i)) == 0);
  }
  Address to(here + "/receiver"), absent(here + "/absent/../x");
  char text[8];
  iovec word = {const_cast<char*>("four"), 4}, room = {text, sizeof text};

  // More messages than the receiver's queue takes: a short count, the rest untouched.
  std::vector<mmsghdr> many(kMany);
  for (mmsghdr& one : many)
    one = {{to.get(), to.length, &word, 1, nullptr, 0, 0}, 77};
  const int sent = sendmmsg(senders[0], many.data(), kMany, MSG_DONTWAIT);
  EXPECT(sent > 4 && sent < 1024);
  for (unsigned i = 0; i < kMany; ++i) {
    EXPECT(many[i].msg_len == (i < static_cast<unsigned>(sent) ? 4 : 77));
    EXPECT(many[i].msg_hdr.msg_name == to.get() && many[i].msg_hdr.msg_namelen == to.length);
  }
  for (int i = 0; i < sent; ++i)
    EXPECT(recv(receiver, text, sizeof text, 0) == 4);

  // An error behind the first message is that of the next call.
  many.resize(3);
  many[1].msg_hdr.msg_name = absent.get();
  many[1].msg_hdr.msg_namelen = absent.length;
  EXPECT(sendmmsg(senders[0], many.data(), 3, 0) == 1);
  EXPECT(recv(receiver, text, sizeof text, 0) == 4);
  EXPECT_ERRNO(sendmmsg(senders[0], &many[1], 2, 0), ENOENT);

  for (const int sender : senders)
    EXPECT(sendto(sender, "word", 4, 0, to.get(), to.length) == 4);
  Address from[5];
  mmsghdr received[5] = {};
  for (int i = 0; i < 5; ++i) {
    received[i].msg_hdr = {from[i].get(), from[i].length, &room, 1, nullptr, 0, 0};
  }
  received[1].msg_hdr.msg_name = nullptr;
  EXPECT(recvmmsg(receiver, received, 5, MSG_DONTWAIT, nullptr) == 4);
  for (int i = 0; i < 5; ++i) {
    EXPECT(received[i].msg_hdr.msg_name == (i == 1 ? nullptr : from[i].get()));
    if (i == 1) continue;
    from[i].length = received[i].msg_hdr.msg_namelen;
    if (i < 4) EXPECT(from[i].path() == here + "/" + std::to_string(i));
  }
  EXPECT(from[4].length == sizeof(sockaddr_un));
  EXPECT_ERRNO(recvmmsg(receiver, received, 5, MSG_DONTWAIT, nullptr), EAGAIN);
  EXPECT(received[0].msg_hdr.msg_name == from[0].get());
}
