// AF_UNIX addresses for the socket tests.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/guest_test.h"

/// An address with its length as the kernel takes it.
struct Address {
  sockaddr_un data{};
  socklen_t length = sizeof(sockaddr_un);

  Address() = default;
  explicit Address(const std::string& path) {
    data.sun_family = AF_UNIX;
    std::memcpy(data.sun_path, path.data(), path.size());
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                    (path.empty() || path[0] == '\0' ? 0 : 1));
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&data); }
  /// The path without its NUL; abstract names with their leading one.
  std::string path() const {
    const std::string text(data.sun_path, length - offsetof(sockaddr_un, sun_path));
    return text.empty() || text[0] == '\0' ? text : std::string(text.c_str());
  }
};

inline int bind_to(int socket, const std::string& path) {
  Address address(path);
  return bind(socket, address.get(), address.length);
}

inline int connect_to(int socket, const std::string& path) {
  Address address(path);
  return connect(socket, address.get(), address.length);
}

inline std::string name_of(int socket) {
  Address address;
  return getsockname(socket, address.get(), &address.length) == 0 ? address.path() : "failed";
}

inline std::string peer_of(int socket) {
  Address address;
  return getpeername(socket, address.get(), &address.length) == 0 ? address.path() : "failed";
}
