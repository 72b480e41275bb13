/* SPDX-License-Identifier: MIT */
/* interop_test.c — secure streams talk to the programs of OpenSSL. */
#include <stdio.h>

#include "pair.h"

static bide_process *run_openssl(const char *const argv[])
{
    bide_process *process = NULL;
    const bide_process_options options = {
        .in = BIDE_PIPE,
        .out = BIDE_PIPE,
        .err = BIDE_DEVNULL,
    };
    CHECK_OK(bide_process_exec(argv, &options, &process));
    return process;
}

static int amain_client(void *arg)
{
    struct secure secure;
    char address[32], line[32] = "";
    (void)arg;
    secure_open(&secure, GOOD, echo, NULL, NULL, NULL);
    snprintf(address, sizeof address, "127.0.0.1:%d",
             bide_server_port(secure.server));
    const char *const argv[] = {
        "openssl",     "s_client",          "-connect", address,
        "-servername", "localhost",         "-quiet",   "-verify_return_error",
        "-CAfile",     certificate_file(AUTHORITY), NULL,
    };
    bide_process *process = run_openssl(argv);
    CHECK_OK(bide_stream_write(bide_process_stdin(process), "hello\n", 6));
    CHECK_INT(bide_stream_readline(bide_process_stdout(process), line,
                                   sizeof line),
              6);
    CHECK_STR(line, "hello\n");
    bide_process_close(process);
    secure_close(&secure);
    return 0;
}

TEST(openssl_s_client_talks_to_a_secure_server)
{
    run_clean(amain_client);
}

/* It listens some time after it was started. */
static int connect_soon(int port, bide_tls_context *tls,
                        bide_stream **ret_stream)
{
    const bide_connection_options options = {.tls = tls,
                                             .tls_host = "localhost"};
    int rc = -ECONNREFUSED;
    for (int i = 0; i < 500 && rc == -ECONNREFUSED; i++) {
        CHECK_OK(bide_sleep(0.01));
        rc = bide_open_connection("127.0.0.1", port, &options, ret_stream);
    }
    return rc;
}

static int talk(const char *port, bide_tls_context *tls, const char *version)
{
    bide_stream *stream;
    bide_tls_info info;
    char line[32] = "";
    const char *const argv[] = {
        "openssl", "s_server", "-accept", port, "-cert",
        certificate_file(GOOD), "-rev", version, NULL,
    };
    bide_process *process = run_openssl(argv);
    int number = 0;
    CHECK_INT(sscanf(port, "%d", &number), 1);
    int rc = connect_soon(number, tls, &stream);
    if (rc == 0) {
        CHECK_OK(bide_stream_write(stream, "hello\n", 6));
        CHECK_INT(bide_stream_readline(stream, line, sizeof line), 6);
        CHECK_STR(line, "olleh\n");
        CHECK_OK(bide_stream_tls_info(stream, &info));
        CHECK_STR(info.version,
                  strcmp(version, "-tls1_2") == 0 ? "TLSv1.2" : "TLSv1.3");
        bide_stream_close(stream);
    }
    bide_process_close(process);
    return rc;
}

static int amain_server(void *arg)
{
    struct sockaddr_in address;
    char port[16];
    bide_tls_context *tls = client_context(NULL);
    (void)arg;
    close(plain_listen(1, &address));
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    CHECK_OK(talk(port, tls, "-tls1_3"));
    CHECK_OK(talk(port, tls, "-tls1_2"));
    bide_tls_close(tls);
    return 0;
}

TEST(a_secure_connection_talks_to_openssl_s_server)
{
    run_clean(amain_server);
}
