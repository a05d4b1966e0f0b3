// Files from the network: by libcurl where it can be loaded, else by the host's curl or wget.
// Verified TLS, redirects, proxies from the usual variables; what has come once need not come
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "arch/result.h"

namespace nestp {

/// What is known of a transfer; `total` is 0 while nobody has said.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct DownloadRequest {
  std::string url{};
  std::string path{};  ///< the finished file; while it is not, PATH.part and PATH.tag hold the rest
  std::string sha256{};                ///< lower-case hexadecimal; empty: not checked
  std::vector<std::string> headers{};  ///< "Name: value"; not sent on to another host
  Progress progress{};
};

/// Goes on where an interrupted one stopped, and tries again while it gets further.
Result<> download(const DownloadRequest& request);

struct TransferError {
  std::string message{};
  bool may_pass = false;  ///< worth another try
  long status = 0;        ///< of HTTP; 0: none came
};
/// A small answer in memory, with its status and the headers that matter; for registries.
struct Answer {
  long status = 0;
  std::string body{};
  std::string type{};          ///< Content-Type
  std::string authenticate{};  ///< WWW-Authenticate
};
Result<Answer> fetch(const std::string& url, const std::vector<std::string>& headers);

/// Why libcurl is not used; empty: it is.
const std::string& libcurl_failure();

/// One transfer to `part`, from its present size on if the server agrees that it is the same
/// file, which `tag` identifies.
Outcome<Done, TransferError> transfer_by_libcurl(const DownloadRequest& request,
                                                 const std::string& part, const std::string& tag);
Outcome<Done, TransferError> transfer_by_tool(const DownloadRequest& request,
                                              const std::string& part);
Result<Answer> fetch_by_libcurl(const std::string& url, const std::vector<std::string>& headers);
Result<Answer> fetch_by_tool(const std::string& url, const std::vector<std::string>& headers);

/// A bar with rate and remaining time on a terminal, a line every tenth elsewhere.
Progress show_progress(const std::string& what);

/// Checksum of a file.
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace nestp
