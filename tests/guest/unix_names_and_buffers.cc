// A socket keeps the name it was bound by; of a short buffer only the given bytes are written.
#include "tests/support/unix_socket.h"

int main() {
  const std::string here = working_directory();
  const int first = socket(AF_UNIX, SOCK_DGRAM, 0), second = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int third = socket(AF_UNIX, SOCK_DGRAM, 0);
  const std::string names[] = {here + "/s", here + "/./s", here + "//s"};
  EXPECT(bind_to(first, names[0]) == 0 && unlink("s") == 0);
  EXPECT(bind_to(second, names[1]) == 0 && unlink("s") == 0);
  EXPECT(bind_to(third, names[2]) == 0);
  EXPECT(name_of(first) == names[0] && name_of(second) == names[1] && name_of(third) == names[2]);

  const int receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
  EXPECT(bind_to(receiver, here + "/r") == 0);
  Address to(here + "/r");
  char text[4];
  for (const int sender : {first, second, third}) {
    EXPECT(sendto(sender, "text", 4, 0, to.get(), to.length) == 4);
    Address from;
    EXPECT(recvfrom(receiver, text, 4, 0, from.get(), &from.length) == 4);
    EXPECT(from.path() == name_of(sender) && from.length == 3 + from.path().size());
  }

  Address filled;
  std::memset(&filled.data, 'x', sizeof filled.data);
  EXPECT(getsockname(first, filled.get(), &filled.length) == 0);
  const char* bytes = reinterpret_cast<const char*>(&filled.data);
  EXPECT(filled.path() == names[0] && bytes[filled.length - 1] == '\0');
  for (std::size_t i = filled.length; i < sizeof filled.data; ++i)
    EXPECT(bytes[i] == 'x');

  Address cut;
  std::memset(&cut.data, 'x', sizeof cut.data);
  cut.length = 5;
  EXPECT(getsockname(first, cut.get(), &cut.length) == 0 && cut.length == filled.length);
  EXPECT(std::memcmp(cut.data.sun_path, here.data(), 3) == 0 && cut.data.sun_path[3] == 'x');
  cut.length = 0;
  EXPECT(getsockname(first, cut.get(), &cut.length) == 0 && cut.length == filled.length);

  EXPECT(sendto(second, "text", 4, 0, to.get(), to.length) == 4);
  iovec part = {text, 4};
  msghdr message{&cut.data, 5, &part, 1, text, 0, 0};
  std::memset(&cut.data, 'x', sizeof cut.data);
  EXPECT(recvmsg(receiver, &message, 0) == 4 && message.msg_namelen == 3 + names[1].size());
  EXPECT(std::memcmp(cut.data.sun_path, here.data(), 3) == 0 && cut.data.sun_path[3] == 'x');
  EXPECT(message.msg_name == &cut.data && message.msg_iov == &part && message.msg_control == text);

  // A reply goes to the file, whatever the text.
  Address back(name_of(third));
  EXPECT(sendto(receiver, "back", 4, 0, back.get(), back.length) == 4 &&
         recv(third, text, 4, 0) == 4);
  EXPECT_ERRNO(recv(first, text, 4, MSG_DONTWAIT), EAGAIN);
}
