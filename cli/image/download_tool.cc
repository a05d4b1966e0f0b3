// Transfers by the host's curl or wget: for the static form, which has no TLS of its own, and
// where libcurl is missing.
#include <array>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/image/download.h"
#include "fs/fd.h"

namespace nestp {
namespace {

bool has_curl() { return run_program_to_end({"sh", "-c", "command -v curl >/dev/null"}) == 0; }

std::vector<std::string> curl_words(const std::vector<std::string>& headers) {
  std::vector<std::string> words{"curl",
                                 "--fail",
                                 "--location",
                                 "--silent",
                                 "--show-error",
                                 "--proto",
                                 "=http,https,file",
                                 "--connect-timeout",
                                 "30",
                                 "--retry",
                                 "3",
                                 "--speed-limit",
                                 "1",
                                 "--speed-time",
                                 "60"};
  for (const std::string& header : headers) {
    words.emplace_back("--header");
    words.push_back(header);
  }
  return words;
}

}  // namespace

Outcome<Done, TransferError> transfer_by_tool(const DownloadRequest& request,
                                              const std::string& part) {
  std::vector<std::string> words;
  const bool is_terminal = ::isatty(STDERR_FILENO) != 0;
  if (has_curl()) {
    words = curl_words(request.headers);
    if (is_terminal) words.emplace_back("--progress-bar");
    for (const char* const word : {"--continue-at", "-", "--output"})
      words.emplace_back(word);
    words.push_back(part);
    words.push_back(request.url);
  } else {
    words = {"wget", is_terminal ? "--show-progress" : "--no-verbose", "--continue", "--timeout=60",
             "--tries=1"};
    for (const std::string& header : request.headers)
      words.push_back("--header=" + header);
    words.push_back("--output-document=" + part);
    words.push_back(request.url);
  }
  const int code = run_program_to_end(words);
  if (code == 0) return Done{};
  if (code == 127) {
    return TransferError{.message = "neither curl nor wget is installed; install one of them"};
  }
  // 18, 28, 52, 56 of curl: broken off; 33: the server cannot go on where we stopped.
  if (code == 33) (void)::unlink(part.c_str());
  const bool may_pass = code == 18 || code == 28 || code == 33 || code == 52 || code == 56;
  return TransferError{.message = words[0] + " failed with status " + std::to_string(code),
                       .may_pass = may_pass};
}

Result<Answer> fetch_by_tool(const std::string& url, const std::vector<std::string>& headers) {
  std::vector<std::string> words = curl_words(headers);
  std::erase(words, "--fail");
  words.emplace_back("--include");
  words.push_back(url);
  auto text = output_of(words);
  if (!text) return text.error();
  Answer answer;
  // Redirects come first, each with headers of its own.
  while (text->starts_with("HTTP/")) {
    const std::size_t end = text->find("\r\n\r\n");
    if (end == std::string::npos) break;
    const std::string head = text->substr(0, end + 2);
    *text = text->substr(end + 4);
    answer = Answer{
        .status = std::strtol(head.c_str() + std::min(head.find(' '), head.size()), nullptr, 10)};
    for (std::size_t at = 0; at < head.size();) {
      const std::size_t stop = head.find("\r\n", at);
      const std::string line = head.substr(at, stop - at);
      const std::size_t colon = line.find(": ");
      const std::string value = colon == std::string::npos ? "" : line.substr(colon + 2);
      if (::strncasecmp(line.c_str(), "Content-Type:", 13) == 0) answer.type = value;
      if (::strncasecmp(line.c_str(), "WWW-Authenticate:", 17) == 0) answer.authenticate = value;
      at = stop + 2;
    }
  }
  answer.body = *text;
  return answer;
}

}  // namespace nestp
