package main
import ("fmt";"os";"github.com/pingcap/tidb/pkg/parser";_ "github.com/pingcap/tidb/pkg/parser/test_driver")
func main(){ for _,f:=range os.Args[1:]{ b,_:=os.ReadFile(f); p:=parser.New(); st,w,err:=p.Parse(string(b),"",""); fmt.Println(f,len(st),w,err)}}
