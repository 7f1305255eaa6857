// Asks for what golang.org/x/crypto/ssh and github.com/pkg/sftp can ask: goclient ADDRESS USER password|KEYFILE [sftp FOLDER]
package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func main() {
	auth := ssh.Password(os.Args[3])
	if key, err := os.ReadFile(os.Args[3]); err == nil {
		signer, err := ssh.ParsePrivateKey(key)
		if err != nil {
			panic(err)
		}
		auth = ssh.PublicKeys(signer)
	}
	challenge := ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		answers := make([]string, len(questions))
		for at := range answers {
			answers[at] = "hunter2"
		}
		return answers, nil
	})
	client, err := ssh.Dial("tcp", os.Args[1], &ssh.ClientConfig{User: os.Args[2], Auth: []ssh.AuthMethod{auth, challenge}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 5 * time.Second})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if len(os.Args) > 4 {
		files(client, os.Args[5])
		return
	}
	session, _ := client.NewSession()
	session.Setenv("LC_PLANET", "earth")
	session.RequestPty("xterm", 24, 80, ssh.TerminalModes{ssh.ECHO: 0, ssh.TTY_OP_ISPEED: 14400})
	session.Start("id")
	session.Signal(ssh.SIGTERM)
	session.WindowChange(30, 90)
	session.Wait()
	client.SendRequest("keepalive@golang.org", true, nil)
	if far, err := client.Dial("tcp", "web1:80"); err == nil {
		far.Close()
	}
	if far, err := client.Dial("unix", "/x"); err == nil {
		far.Close()
	}
	if listener, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		listener.Close()
	}
	// some of its users send what no keepalive has; asyncssh ends the connection then
	client.SendRequest("keepalive@openssh.com", true, []byte("x"))
	client.Close()
}

func files(client *ssh.Client, place string) {
	session, err := sftp.NewClient(client)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	session.Mkdir(place)
	file, err := session.Create(place + "/a")
	if err != nil {
		panic(err)
	}
	file.Write([]byte("abc"))
	file.Sync()
	file.Truncate(2)
	file.Close()
	session.Chmod(place+"/a", 0o600)
	session.Chtimes(place+"/a", time.Unix(1, 0), time.Unix(2, 0))
	session.Chown(place+"/a", 0, 0)
	session.Symlink("a", place+"/s")
	session.ReadLink(place + "/s")
	session.Link(place+"/a", place+"/h")
	session.Rename(place+"/h", place+"/r")
	session.PosixRename(place+"/r", place+"/p")
	session.StatVFS(place)
	session.ReadDir(place)
	session.RealPath(".")
	session.Getwd()
	if file, err := session.Open(place + "/a"); err == nil {
		io.ReadAll(file)
		file.Close()
	}
	session.RemoveAll(place)
	session.Close()
}
